//! Percent-encoding, undone once, as servers do before they choose what answers; and the arguments of queries and forms.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// In few bytes as many would take longer to begin with.
fn position(text: &[u8], is: impl Fn(u8) -> bool, many: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    match text.len() < 16 {
        true => text.iter().position(|byte| is(*byte)),
        false => many(text),
    }
}

/// Undoes `%xx`, once. What is no escape stays as it is.
pub fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    match position(text, |byte| byte == b'%', |text| memchr(b'%', text)) {
        None => Cow::Borrowed(text),
        Some(first) => Cow::Owned(unescape(text, first, false)),
    }
}

/// The same as [`decode_form`], behind what is in `out`.
pub(crate) fn decode_form_into(text: &[u8], out: &mut Vec<u8>) {
    let first = memchr2(b'%', b'+', text).unwrap_or(text.len());
    unescape_into(text, first, true, out);
}

/// The same in forms and queries, where `+` is a space.
pub fn decode_form(text: &[u8]) -> Cow<'_, [u8]> {
    let is_code = |byte| matches!(byte, b'%' | b'+');
    match position(text, is_code, |text| memchr2(b'%', b'+', text)) {
        None => Cow::Borrowed(text),
        Some(first) => Cow::Owned(unescape(text, first, true)),
    }
}

fn unescape(text: &[u8], first: usize, plus: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    unescape_into(text, first, plus, &mut decoded);
    decoded
}

/// `first` is the first byte that may not stay as it is.
fn unescape_into(text: &[u8], first: usize, plus: bool, decoded: &mut Vec<u8>) {
    decoded.extend_from_slice(&text[..first]);
    let mut rest = &text[first..];
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let escape = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = escape {
            decoded.push(high << 4 | low);
            rest = &after[2..];
        } else {
            decoded.push(if plus && *byte == b'+' { b' ' } else { *byte });
        }
    }
}

/// `name=value&name=value`, as sent; names may repeat, values and names may be empty.
#[derive(Debug, Clone)]
pub(crate) struct Pairs<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Pairs<'a> {
    /// Of a query, or of the body of a form.
    pub fn new(text: &'a [u8]) -> Pairs<'a> {
        Pairs { rest: Some(text) }
    }
}

/// The same, decoded.
#[derive(Debug, Clone)]
pub struct Args<'a>(Pairs<'a>);

impl<'a> Args<'a> {
    /// Of a query, or of the body of a form.
    pub fn new(text: &'a [u8]) -> Args<'a> {
        Args(Pairs::new(text))
    }
}

impl<'a> Iterator for Args<'a> {
    type Item = (Cow<'a, [u8]>, Cow<'a, [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.0.next()?;
        Some((decode_form(name), decode_form(value)))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest?;
            let end = memchr(b'&', rest);
            let part = &rest[..end.unwrap_or(rest.len())];
            self.rest = end.map(|end| &rest[end + 1..]);
            if part.is_empty() {
                continue;
            }
            return Some(match memchr(b'=', part) {
                Some(equals) => (&part[..equals], &part[equals + 1..]),
                None => (part, &part[part.len()..]),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_once_and_what_is_none_stays() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"/plain", b"/plain"),
            (b"/%2e%2E/etc", b"/../etc"),
            (b"%252e", b"%2e"),
            (b"100%", b"100%"),
            (b"%4", b"%4"),
            (b"%zz%41+", b"%zzA+"),
            (b"%00%ff", b"\0\xff"),
        ];
        for (text, decoded) in cases {
            assert_eq!(&*decode(text), decoded, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn arguments_keep_their_order_and_repeat() {
        let args: Vec<_> = Args::new(b"a=1&b=x+y%21&&a=2&flag&=v&c=d=e").collect();
        let args: Vec<(&[u8], &[u8])> = args.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected: [(&[u8], &[u8]); 6] = [
            (b"a", b"1"),
            (b"b", b"x y!"),
            (b"a", b"2"),
            (b"flag", b""),
            (b"", b"v"),
            (b"c", b"d=e"),
        ];
        assert_eq!(args, expected);
        assert_eq!(Args::new(b"").count(), 0);
    }
}
