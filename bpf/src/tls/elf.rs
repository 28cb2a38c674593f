//! Where functions are in an ELF file, by its dynamic symbols. The file is anybody's: every read is bounded, and nothing is mapped (a file that is
//! cut while it is mapped would kill the agent). Only native 64-bit files; their hash tables find a symbol without reading all of them.
//!
//! Why not the crate `object`: its hash and symbol tables (0.40) borrow whole tables from memory, which are 7.6 MB in one that exports much (node
//! 20), for each new file that any process maps, where a look-up here reads some hundred bytes; the size of those tables is what the file says, and
//! its `ReadCache` allocates that and keeps it, so that a hostile file would need a `ReadRef` of our own with a bounded arena beside it. What
//! would go are the hundred lines about headers and hashes.

use std::{fs::File, io, os::unix::fs::FileExt as _};

/// What is read from: a file, or bytes in tests.
pub trait Source {
    /// Fills `to` from `offset` on; fails when there is less.
    fn read(&self, offset: u64, to: &mut [u8]) -> io::Result<()>;
}

impl Source for File {
    fn read(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(to, offset)
    }
}

impl Source for [u8] {
    fn read(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = start.checked_add(to.len()).and_then(|end| self.get(start..end));
        to.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

const MACHINE: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
/// Bounds: real files have a tenth of it.
const SEGMENTS: u64 = 256;
const DYNAMIC: u64 = 4096;
/// Symbols of one hash bucket that are looked at.
const CHAIN: u32 = 1024;

/// One loaded part of the file.
struct Segment {
    offset: u64,
    address: u64,
    size: u64,
    executable: bool,
}

/// The dynamic symbols of a file.
pub struct Elf<'a, S: Source + ?Sized> {
    source: &'a S,
    segments: Vec<Segment>,
    strings: u64,
    symbols: u64,
    gnu_hash: Option<u64>,
    hash: Option<u64>,
}

impl<'a, S: Source + ?Sized> Elf<'a, S> {
    /// None: no native 64-bit ELF file with dynamic symbols.
    pub fn parse(source: &'a S) -> Option<Elf<'a, S>> {
        let head: [u8; 64] = read(source, 0)?;
        // 64 bits, little endian, version 1; a program or a library.
        if head[..7] != *b"\x7fELF\x02\x01\x01" || u16_at(&head, 18)? != MACHINE || !matches!(u16_at(&head, 16)?, 2 | 3)
        {
            return None;
        }
        let (table, entry, count) = (u64_at(&head, 32)?, u16_at(&head, 54)?, u64::from(u16_at(&head, 56)?));
        if entry != 56 || count > SEGMENTS {
            return None;
        }
        let mut elf = Elf {
            source,
            segments: Vec::new(),
            strings: 0,
            symbols: 0,
            gnu_hash: None,
            hash: None,
        };
        let mut dynamic = None;
        for number in 0..count {
            let raw: [u8; 56] = read(source, table.checked_add(number * 56)?)?;
            let segment = Segment {
                offset: u64_at(&raw, 8)?,
                address: u64_at(&raw, 16)?,
                size: u64_at(&raw, 32)?,
                executable: raw[4] & 1 != 0,
            };
            match u32_at(&raw, 0)? {
                1 => elf.segments.push(segment),
                2 => dynamic = Some(segment),
                _ => {}
            }
        }
        elf.dynamic(&dynamic?)?;
        Some(elf)
    }

    fn dynamic(&mut self, dynamic: &Segment) -> Option<()> {
        let (mut strings, mut symbols) = (None, None);
        for number in 0..DYNAMIC.min(dynamic.size / 16) {
            let raw: [u8; 16] = read(self.source, dynamic.offset.checked_add(number * 16)?)?;
            let value = u64_at(&raw, 8)?;
            match u64_at(&raw, 0)? {
                0 => break,
                4 => self.hash = self.offset(value, false),
                5 => strings = self.offset(value, false),
                6 => symbols = self.offset(value, false),
                0x6fff_fef5 => self.gnu_hash = self.offset(value, false),
                _ => {}
            }
        }
        (self.strings, self.symbols) = (strings?, symbols?);
        Some(())
    }

    /// Where in the file the byte at `address` is.
    fn offset(&self, address: u64, executable: bool) -> Option<u64> {
        let mut segments = self.segments.iter().filter(|s| s.executable || !executable);
        let segment = segments.find(|s| address.checked_sub(s.address).is_some_and(|inside| inside < s.size))?;
        segment.offset.checked_add(address - segment.address)
    }

    /// The offset in the file of the function `name`.
    pub fn function(&self, name: &str) -> Option<u64> {
        let symbol = match (self.gnu_hash, self.hash) {
            (Some(table), _) => self.by_gnu_hash(table, name)?,
            (None, Some(table)) => self.by_hash(table, name)?,
            (None, None) => return None,
        };
        // Defined here (not SHN_UNDEF), and a function.
        if u16_at(&symbol, 6)? == 0 || symbol[4] & 15 != 2 {
            return None;
        }
        let offset = self.offset(u64_at(&symbol, 8)?, true)?;
        // The segments say where it would be; the file may end before.
        read::<1>(self.source, offset)?;
        Some(offset)
    }

    /// At most `most` bytes of code from `offset` in the file on, fewer at the end of the code there; none when there is no code.
    pub fn code(&self, offset: u64, most: usize) -> Vec<u8> {
        let rest = self.segments.iter().filter(|s| s.executable).find_map(|segment| {
            let inside = offset.checked_sub(segment.offset)?;
            segment.size.checked_sub(inside).filter(|rest| *rest > 0)
        });
        let mut code = vec![0; rest.map_or(0, |rest| most.min(usize::try_from(rest).unwrap_or(most)))];
        match self.source.read(offset, &mut code) {
            Ok(()) => code,
            Err(_) => Vec::new(),
        }
    }

    fn by_gnu_hash(&self, table: u64, name: &str) -> Option<[u8; 24]> {
        let hash = name
            .bytes()
            .fold(5381u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(byte.into()));
        let head: [u8; 16] = read(self.source, table)?;
        let (buckets, first, words, shift) = (
            u32_at(&head, 0)?,
            u32_at(&head, 4)?,
            u32_at(&head, 8)?,
            u32_at(&head, 12)?,
        );
        if buckets == 0 || words == 0 {
            return None;
        }
        let bloom = table.checked_add(16)?;
        let word = u64::from_le_bytes(read(self.source, bloom.checked_add(u64::from(hash / 64 % words) * 8)?)?);
        let bits = 1u64 << (hash % 64) | 1u64 << (hash.checked_shr(shift).unwrap_or(0) % 64);
        if word & bits != bits {
            return None;
        }
        let chains = bloom.checked_add(u64::from(words) * 8)?;
        let bucket = chains.checked_add(u64::from(hash % buckets) * 4)?;
        let begin = u32::from_le_bytes(read(self.source, bucket)?);
        let chains = chains.checked_add(u64::from(buckets) * 4)?;
        for number in begin..begin.saturating_add(CHAIN) {
            let at = chains.checked_add(u64::from(number.checked_sub(first)?) * 4)?;
            let other = u32::from_le_bytes(read(self.source, at)?);
            if other | 1 == hash | 1
                && let Some(symbol) = self.named(number, name)
            {
                return Some(symbol);
            }
            if other & 1 != 0 {
                return None;
            }
        }
        None
    }

    fn by_hash(&self, table: u64, name: &str) -> Option<[u8; 24]> {
        let hash = name.bytes().fold(0u32, |hash, byte| {
            let hash = (hash << 4).wrapping_add(byte.into());
            let top = hash & 0xf000_0000;
            (hash ^ top >> 24) & !top
        });
        let head: [u8; 8] = read(self.source, table)?;
        let buckets = u32_at(&head, 0)?;
        let words = table.checked_add(8)?;
        let mut at = words.checked_add(u64::from(hash.checked_rem(buckets)?) * 4)?;
        for _ in 0..CHAIN {
            let number = u32::from_le_bytes(read(self.source, at)?);
            if number == 0 {
                return None;
            }
            if let Some(symbol) = self.named(number, name) {
                return Some(symbol);
            }
            at = words.checked_add((u64::from(buckets) + u64::from(number)) * 4)?;
        }
        None
    }

    /// The symbol `number`, if that is its name.
    fn named(&self, number: u32, name: &str) -> Option<[u8; 24]> {
        let symbol: [u8; 24] = read(self.source, self.symbols.checked_add(u64::from(number) * 24)?)?;
        let mut text = vec![0; name.len() + 1];
        let at = self.strings.checked_add(u32_at(&symbol, 0)?.into())?;
        self.source.read(at, &mut text).ok()?;
        (text.strip_suffix(&[0])? == name.as_bytes()).then_some(symbol)
    }
}

fn read<const N: usize>(source: &(impl Source + ?Sized), offset: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    source.read(offset, &mut bytes).ok()?;
    Some(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_this_very_program_s_libraries_are_found_where_the_linker_finds_them() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.contains("/libc.so.6")).unwrap();
        let (start, path) = (line.split('-').next().unwrap(), line.split_whitespace().last().unwrap());
        let base = usize::from_str_radix(start, 16).unwrap();
        let file = File::open(path).unwrap();
        let elf = Elf::parse(&file).unwrap();
        let found = elf.function("getpid").unwrap() as usize;
        // libc's first mapping begins at offset 0, and text is mapped where the file has it on both sides of the page.
        let here = libc::getpid as *const () as usize;
        let offset = maps.lines().filter(|l| l.ends_with(path)).find_map(|line| {
            let mut words = line.split_whitespace();
            let (from, to) = words.next()?.split_once('-')?;
            let (from, to) = (
                usize::from_str_radix(from, 16).ok()?,
                usize::from_str_radix(to, 16).ok()?,
            );
            let offset = usize::from_str_radix(words.nth(1)?, 16).ok()?;
            (from..to).contains(&here).then(|| here - from + offset)
        });
        assert_eq!(Some(found), offset, "base {base:x}");
        assert_eq!(elf.function("no_such_function"), None);
    }

    #[test]
    fn broken_files_have_no_functions() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let head = &program[..4096];
        for at in 0..head.len() {
            for value in [0, 0xff, head[at] ^ 0x80] {
                let mut broken = head.to_vec();
                broken[at] = value;
                if let Some(elf) = Elf::parse(&broken[..]) {
                    assert_eq!(elf.function("SSL_read"), None);
                }
            }
            assert!(Elf::parse(&head[..at]).is_none_or(|elf| elf.function("SSL_read").is_none()));
        }
    }

    /// The seeds of the fuzz target, with either kind of hash table.
    #[test]
    fn files_that_lie_are_survived() {
        for seed in ["gnu", "sysv"] {
            let path = format!("{}/../exporter/fuzz/seeds/elf/{seed}", env!("CARGO_MANIFEST_DIR"));
            let whole = std::fs::read(path).unwrap();
            let doors = crate::tls_doors(&whole);
            // One inner function of the _ex form and of the other; SSL_write; SSL_free.
            assert_eq!(
                doors.len(),
                if cfg!(target_arch = "x86_64") { 3 } else { 0 },
                "{seed}: {doors:x?}"
            );
            for at in 0..whole.len() {
                for value in [0, 0xff, whole[at] ^ 0x80, whole[at].wrapping_add(1)] {
                    let mut lie = whole.clone();
                    lie[at] = value;
                    let doors = crate::tls_doors(&lie);
                    assert!(doors.iter().all(|door| *door < lie.len() as u64), "{seed} {at} {value}");
                }
            }
        }
    }
}
