//! Where a message ends, by its head (RFC 9112, section 6), with the choices that servers make when the head contradicts itself.

use super::super::http::{Chunked, Head, Headers, Oddities, Oddity};

const CONTENT_LENGTH: &[u8] = b"content-length";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are to come.
    Length(u64),
    /// Chunks tell.
    Chunks(Chunked),
    /// The end of the connection tells.
    Close,
}

/// Of a request: without any word of a length there is no body.
pub(super) fn of_request(head: &mut Head) -> Framing {
    let (length, coding) = read(&head.headers, &mut head.oddities);
    match coding {
        Some(true) => Framing::Chunks(Chunked::START),
        _ => Framing::Length(length.unwrap_or(0)),
    }
}

/// Of a response that may have a body: without any word of a length the end of the connection ends it.
pub(super) fn of_response(head: &mut Head) -> Framing {
    let (length, coding) = read(&head.headers, &mut head.oddities);
    match (coding, length) {
        (Some(true), _) => Framing::Chunks(Chunked::START),
        (None, Some(length)) => Framing::Length(length),
        _ => Framing::Close,
    }
}

/// Content-Length, and whether Transfer-Encoding (if there is one) ends with chunked.
fn read(headers: &Headers, oddities: &mut Oddities) -> (Option<u64>, Option<bool>) {
    let (mut length, mut coding) = (None, None);
    for (name, value) in headers.of_lengths([CONTENT_LENGTH.len(), TRANSFER_ENCODING.len()]) {
        if name.eq_ignore_ascii_case(CONTENT_LENGTH) {
            for value in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                match (number(value), length) {
                    (None, _) => oddities.add(Oddity::ContentLengthInvalid),
                    (Some(new), None) => length = Some(new),
                    (Some(new), Some(old)) if new != old => oddities.add(Oddity::ContentLengthDiffers),
                    _ => {}
                }
            }
        } else if name.eq_ignore_ascii_case(TRANSFER_ENCODING) {
            let last = value
                .rsplit(|byte| *byte == b',')
                .next()
                .unwrap_or_default()
                .trim_ascii();
            let chunked = last.eq_ignore_ascii_case(b"chunked");
            if !chunked || coding.is_some() {
                oddities.add(Oddity::TransferEncoding);
            }
            coding = Some(chunked || coding == Some(true));
        }
    }
    if coding.is_some() && headers.get(CONTENT_LENGTH).is_some() {
        oddities.add(Oddity::LengthAndEncoding);
    }
    (length, coding)
}

fn number(digits: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let number = digits
        .iter()
        .try_fold(0_u64, |number, byte| number.checked_mul(10)?.checked_add(digit(byte)?));
    number.filter(|_| !digits.is_empty())
}
