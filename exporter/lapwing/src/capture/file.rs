//! The file formats, by the crate pcap-parser, with every number in them mistrusted.

use std::io::Read;

use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader, traits::PcapReaderIterator};

use super::{
    CaptureError,
    packet::{Packet, link},
};

/// Room for a block at first, which most never need more than, and at most: a packet has 256 KiB at most in tcpdump, and super-packets of 512 KiB
/// may come. The room is filled with zeros for each file, which a fuzzer with its thousands of files feels.
const ROOM: usize = 1 << 16;
const ROOM_MOST: usize = 8 << 20;

/// Interfaces of a section that are known; others are ignored.
const INTERFACES: usize = 1 << 12;

/// How packets of an interface are read.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: i32,
    /// Parts of a second that times count.
    units: u64,
    /// Seconds to add.
    offset: i64,
    snaplen: u32,
}

/// A capture file that is read packet by packet.
pub(super) struct File {
    reader: Box<dyn PcapReaderIterator + Send>,
    interfaces: Vec<Interface>,
    packets: u64,
    room: usize,
    /// The last time, for packets without one.
    time: u64,
}

impl File {
    /// Reads the beginning.
    pub fn new(source: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let reader = create_reader(ROOM, source).map_err(|_| CaptureError::Header)?;
        Ok(File {
            reader,
            interfaces: Vec::new(),
            packets: 0,
            room: ROOM,
            time: 0,
        })
    }

    /// Packets read so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Reads the next block, and gives its packet to `sink` if it has one. False at the end.
    pub fn next(&mut self, sink: impl FnOnce(Packet<'_>)) -> Result<bool, CaptureError> {
        loop {
            let (packet, offset) = (self.packets + 1, self.reader.consumed() as u64);
            let held = self.reader.data().len();
            let short = match self.reader.next() {
                Ok((taken, block)) => {
                    let mut section = Section {
                        interfaces: &mut self.interfaces,
                        packets: &mut self.packets,
                        time: &mut self.time,
                    };
                    section.block(&block, sink, offset)?;
                    drop(block);
                    self.reader.consume(taken);
                    return Ok(true);
                }
                Err(PcapError::Eof) => return Ok(false),
                Err(PcapError::UnexpectedEof) if held == 0 => return Ok(false),
                Err(PcapError::UnexpectedEof) => return Err(CaptureError::Truncated { packet, offset }),
                Err(PcapError::Incomplete(_)) => false,
                Err(PcapError::BufferTooSmall) => true,
                Err(error) => {
                    return Err(CaptureError::Damaged {
                        packet,
                        offset,
                        what: what(&error),
                    });
                }
            };
            self.fill(short, held, packet, offset)?;
        }
    }

    /// Reads more of the file, in more room if that is needed.
    fn fill(&mut self, mut short: bool, held: usize, packet: u64, offset: u64) -> Result<(), CaptureError> {
        if !short {
            self.reader.refill().map_err(|_| CaptureError::Read {
                packet: packet - 1,
                offset,
            })?;
            // Nothing came, and that is not the end of the file: there is no room.
            short = self.reader.data().len() == held && !self.reader.reader_exhausted();
        }
        if short {
            if self.room >= ROOM_MOST {
                return Err(CaptureError::TooLarge {
                    packet,
                    offset,
                    most: ROOM_MOST,
                });
            }
            self.room *= 2;
            self.reader.grow(self.room);
            self.reader.refill().map_err(|_| CaptureError::Read {
                packet: packet - 1,
                offset,
            })?;
        }
        Ok(())
    }
}

/// In words, without the bytes.
fn what(error: &PcapError<&[u8]>) -> String {
    match error {
        PcapError::NomError(_, kind) | PcapError::OwnedNomError(_, kind) => format!("{kind:?}"),
        PcapError::ReadError => "reading failed".to_owned(),
        _ => "unexpected".to_owned(),
    }
}

/// What blocks are read by, and change.
struct Section<'a> {
    interfaces: &'a mut Vec<Interface>,
    packets: &'a mut u64,
    time: &'a mut u64,
}

impl Section<'_> {
    fn block(
        &mut self,
        block: &PcapBlockOwned<'_>,
        sink: impl FnOnce(Packet<'_>),
        offset: u64,
    ) -> Result<(), CaptureError> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let units = if header.is_nanosecond_precision() {
                    1_000_000_000
                } else {
                    1_000_000
                };
                // The upper bits say how checksums of frames are kept.
                let Linktype(network) = header.network;
                let link = network & 0x03ff_ffff;
                if !link::is_known(link) {
                    return Err(CaptureError::LinkType(link));
                }
                self.interfaces.push(Interface {
                    link,
                    units,
                    offset: 0,
                    snaplen: 0,
                });
            }
            PcapBlockOwned::Legacy(packet) => {
                let Some(interface) = self.interfaces.first().copied() else {
                    return Ok(());
                };
                let ticks = u64::from(packet.ts_sec) * interface.units + u64::from(packet.ts_usec);
                self.packet(interface, Some(ticks), packet.data, packet.caplen, packet.origlen, sink);
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(described)) if self.interfaces.len() < INTERFACES => {
                let Linktype(link) = described.linktype;
                let (units, offset) = (resolution(described.if_tsresol), described.if_tsoffset);
                self.interfaces.push(Interface {
                    link,
                    units,
                    offset,
                    snaplen: described.snaplen,
                });
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let Some(interface) = self.interfaces.get(packet.if_id as usize).copied() else {
                    let what = format!("interface {} was not described", packet.if_id);
                    return Err(CaptureError::Damaged {
                        packet: *self.packets + 1,
                        offset,
                        what,
                    });
                };
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                self.packet(interface, Some(ticks), packet.data, packet.caplen, packet.origlen, sink);
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let Some(interface) = self.interfaces.first().copied() else {
                    let what = "no interface was described".to_owned();
                    return Err(CaptureError::Damaged {
                        packet: *self.packets + 1,
                        offset,
                        what,
                    });
                };
                let most = if interface.snaplen == 0 {
                    u32::MAX
                } else {
                    interface.snaplen
                };
                self.packet(
                    interface,
                    None,
                    packet.data,
                    packet.origlen.min(most),
                    packet.origlen,
                    sink,
                );
            }
            PcapBlockOwned::NG(_) => {}
        }
        Ok(())
    }

    fn packet(
        &mut self,
        interface: Interface,
        ticks: Option<u64>,
        data: &[u8],
        kept: u32,
        length: u32,
        sink: impl FnOnce(Packet<'_>),
    ) {
        *self.packets += 1;
        if let Some(ticks) = ticks {
            *self.time = nanoseconds(ticks, interface);
        }
        // Blocks are padded.
        let data = &data[..data.len().min(kept as usize)];
        let length = data.len().max(length as usize);
        sink(Packet {
            time: *self.time,
            link: interface.link,
            data,
            length,
        });
    }
}

/// Parts of a second, by the option if_tsresol: a power of ten, or of two if the highest bit is set. Absurd ones are taken for microseconds.
fn resolution(option: u8) -> u64 {
    let power = u32::from(option & 0x7f);
    let units = if option & 0x80 == 0 {
        10_u64.checked_pow(power)
    } else {
        1_u64.checked_shl(power)
    };
    units.unwrap_or(1_000_000)
}

/// Unix time. What lies before 1970 or beyond 2554 is moved there.
fn nanoseconds(ticks: u64, interface: Interface) -> u64 {
    const SECOND: i128 = 1_000_000_000;
    let since = i128::from(ticks) * SECOND / i128::from(interface.units);
    let time = since + i128::from(interface.offset) * SECOND;
    u64::try_from(time.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_resolution() {
        let at = |option, ticks, offset| {
            nanoseconds(
                ticks,
                Interface {
                    link: 1,
                    units: resolution(option),
                    offset,
                    snaplen: 0,
                },
            )
        };
        assert_eq!(at(6, 1_500_000, 0), 1_500_000_000);
        assert_eq!(at(9, 1_500_000_001, 10), 11_500_000_001);
        assert_eq!(at(0x80 | 10, 1536, 0), 1_500_000_000);
        assert_eq!(at(0, 7, -100), 0);
        assert_eq!(at(0xff, 1_000_000, 0), 1_000_000_000);
        assert_eq!(at(0, u64::MAX, i64::MAX), u64::MAX);
    }
}
