//! Reads a recording, trusting nothing in it.

use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read},
    path::Path,
};

use serde::de::DeserializeOwned;

use super::{FORMAT, FRAME_HEADER, Item, MAGIC, MAX_FRAME, Meta, ReadError, checksum};

/// An iterator over the items of a recording. After an error it is at its end.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    /// Bytes read so far: where the next frame starts.
    offset: u64,
    meta: Meta,
    payload: Vec<u8>,
    /// The end mark was read.
    ended: bool,
    /// Nothing more is given out.
    done: bool,
}

impl Reader<BufReader<File>> {
    /// Opens the recording at `path` and reads its beginning.
    ///
    /// # Errors
    /// When it cannot be opened, or as [`Reader::new`].
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|source| ReadError::Open {
            path: path.to_owned(),
            source,
        })?;
        Reader::new(BufReader::new(file))
    }
}

impl<R: Read> Reader<R> {
    /// Reads the beginning of a recording: magic, version and [`Meta`].
    ///
    /// # Errors
    /// When it is no recording, is damaged there, or is of a format that this binary does not know.
    pub fn new(mut source: R) -> Result<Self, ReadError> {
        let mut start = [0; MAGIC.len() + 4];
        let got = fill(&mut source, &mut start).map_err(|source| ReadError::Io { offset: 0, source })?;
        let magic = &start[..got.min(MAGIC.len())];
        if magic != MAGIC {
            return Err(ReadError::NotARecording { found: magic.to_vec() });
        }
        if got < start.len() {
            return Err(ReadError::Truncated {
                offset: 0,
                missing: (start.len() - got) as u64,
            });
        }
        let version = u16::from_le_bytes([start[8], start[9]]);
        if version != FORMAT {
            return Err(ReadError::Version { found: version });
        }
        let mut reader = Reader {
            source,
            offset: start.len() as u64,
            meta: Meta::default(),
            payload: Vec::new(),
            ended: false,
            done: false,
        };
        let offset = reader.offset;
        reader.meta = reader.frame()?.ok_or(ReadError::Unfinished { offset })?;
        Ok(reader)
    }

    /// Where and how the recording was made.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame's content; None at a clean end of the file.
    fn frame<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ReadError> {
        let offset = self.offset;
        let io = |source| ReadError::Io { offset, source };
        let mut header = [0; FRAME_HEADER];
        match fill(&mut self.source, &mut header).map_err(io)? {
            0 => return Ok(None),
            FRAME_HEADER => {}
            got => {
                return Err(ReadError::Truncated {
                    offset,
                    missing: (FRAME_HEADER - got) as u64,
                });
            }
        }
        let [a, b, c, d, e, f, g, h] = header;
        let (length, crc) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        if length > MAX_FRAME {
            return Err(ReadError::Length { offset, length });
        }
        self.payload.resize(length as usize, 0);
        let got = fill(&mut self.source, &mut self.payload).map_err(io)?;
        if got < self.payload.len() {
            return Err(ReadError::Truncated {
                offset,
                missing: (self.payload.len() - got) as u64,
            });
        }
        if checksum(length, &self.payload) != crc {
            return Err(ReadError::Checksum { offset });
        }
        let content = decode(&self.payload).map_err(|message| ReadError::Content { offset, message })?;
        self.offset += (FRAME_HEADER + got) as u64;
        Ok(Some(content))
    }

    /// Nothing may follow the end mark.
    fn after_end(&mut self) -> Result<Option<Item>, ReadError> {
        let offset = self.offset;
        match fill(&mut self.source, &mut [0]).map_err(|source| ReadError::Io { offset, source })? {
            0 => Ok(None),
            _ => Err(ReadError::Trailing { offset }),
        }
    }

    fn step(&mut self) -> Result<Option<Item>, ReadError> {
        if self.ended {
            return self.after_end();
        }
        let offset = self.offset;
        match self.frame()? {
            Some(item) => Ok(Some(item)),
            None => Err(ReadError::Unfinished { offset }),
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Item, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.step() {
            Ok(None) => {
                self.done = true;
                None
            }
            Ok(Some(item)) => {
                self.ended = matches!(item, Item::End { .. });
                Some(Ok(item))
            }
            Err(error) => {
                self.done = true;
                Some(Err(error))
            }
        }
    }
}

/// Decodes all of `payload`; bytes left over are an error.
fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(payload) {
        Ok((content, [])) => Ok(content),
        Ok((_, rest)) => Err(format!("{} bytes are left over", rest.len())),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads until `buffer` is full or the source ends; how much was read.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match source.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
