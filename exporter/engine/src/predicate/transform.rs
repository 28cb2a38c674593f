//! What can be done to a value before it is compared.
//!
//! | Name | Also | Gives |
//! |---|---|---|
//! | `lower(x)` | `tolower` | ASCII letters in lower case |
//! | `url_decode(x)` | | `%xx` decoded once, `+` as a space; what is not hexadecimal stays |
//! | `html_decode(x)` | | `&lt; &gt; &amp; &quot; &apos; &nbsp; &#60; &#x3c;` decoded, also without the semicolon |
//! | `base64_decode(x)` | `b64` | decoded, standard or URL alphabet, padded or not; what is not base64 gives nothing |
//! | `normalize_path(x)` | | `//`, `/./`, `x/../` and backslashes resolved, as far as the root |
//!
//! They nest, the innermost first, at most [`MAX`] of them. Of a value at most [`MAX_VALUE`] bytes are worked on: what is longer is cut.

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use memchr::{memchr, memchr3};

use crate::net::http::decode_form;

/// For people: what there is, one a line.
pub const LISTING: &str = "\
lower(x)           ASCII letters in lower case; also tolower
url_decode(x)      %xx decoded once, + as a space
html_decode(x)     character references decoded: &lt; &#60; &#x3c; ...
base64_decode(x)   decoded; what is not base64 gives an empty text; also b64
normalize_path(x)  //, /./, x/../ and backslashes resolved
";

/// Most transformations of one value.
pub const MAX: usize = 4;
/// Most bytes of a value that are transformed.
pub const MAX_VALUE: usize = 64 * 1024;

/// One transformation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// ASCII letters in lower case.
    Lower,
    /// `%xx` and `+`.
    UrlDecode,
    /// Character references of HTML.
    HtmlDecode,
    /// Base64.
    Base64Decode,
    /// Dots, slashes and backslashes.
    NormalizePath,
}

const NAMES: [(&str, Transform); 7] = [
    ("lower", Transform::Lower),
    ("url_decode", Transform::UrlDecode),
    ("html_decode", Transform::HtmlDecode),
    ("base64_decode", Transform::Base64Decode),
    ("normalize_path", Transform::NormalizePath),
    ("tolower", Transform::Lower),
    ("b64", Transform::Base64Decode),
];

impl Transform {
    /// The transformation of that name.
    pub fn named(name: &str) -> Option<Transform> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Changes a value; what is already so is not copied: borrowed is all of it, or its first [`MAX_VALUE`] bytes.
    pub fn apply<'a>(self, value: &'a [u8]) -> Cow<'a, [u8]> {
        let value = &value[..value.len().min(MAX_VALUE)];
        match self {
            Transform::Lower if has_upper(value) => value.to_ascii_lowercase().into(),
            Transform::UrlDecode => decode_form(value),
            Transform::HtmlDecode if memchr(b'&', value).is_some() => html_decode(value).into(),
            Transform::Base64Decode => base64_decode(value).into(),
            Transform::NormalizePath if memchr3(b'.', b'/', b'\\', value).is_some() => normalize_path(value).into(),
            _ => value.into(),
        }
    }
}

/// Applies them in their order.
pub fn all<'a>(transforms: &[Transform], value: &'a [u8]) -> Cow<'a, [u8]> {
    transforms
        .iter()
        .fold(Cow::Borrowed(value), |value, transform| match value {
            Cow::Borrowed(value) => transform.apply(value),
            Cow::Owned(mut value) => {
                value.truncate(MAX_VALUE);
                match transform.apply(&value) {
                    Cow::Borrowed(_) => value.into(),
                    Cow::Owned(changed) => changed.into(),
                }
            }
        })
}

/// By many bytes at once.
fn has_upper(value: &[u8]) -> bool {
    let mut many = value.chunks(256);
    many.any(|some| some.iter().fold(false, |found, byte| found | byte.is_ascii_uppercase()))
}

/// Longest name or number of a character reference that is looked at.
const MAX_REFERENCE: usize = 10;

fn html_decode(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&first, after)) = rest.split_first() {
        match reference(after).filter(|_| first == b'&') {
            Some((char, length)) => {
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &after[length..];
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

/// The character that the text after an `&` stands for, and how long that text is.
fn reference(text: &[u8]) -> Option<(char, usize)> {
    const NAMED: [(&[u8], char); 6] = [
        (b"lt", '<'),
        (b"gt", '>'),
        (b"amp", '&'),
        (b"quot", '"'),
        (b"apos", '\''),
        (b"nbsp", '\u{a0}'),
    ];
    let semicolon = |length: usize| length + usize::from(text.get(length) == Some(&b';'));
    if let Some(number) = text.strip_prefix(b"#") {
        let (radix, digits, before) = match number.strip_prefix(b"x").or_else(|| number.strip_prefix(b"X")) {
            Some(digits) => (16, digits, 2),
            None => (10, number, 1),
        };
        let many = digits.iter().take(MAX_REFERENCE);
        let length = many.take_while(|byte| char::from(**byte).is_digit(radix)).count();
        let text = std::str::from_utf8(&digits[..length]).ok()?;
        let char = char::from_u32(u32::from_str_radix(text, radix).ok()?)?;
        return Some((char, semicolon(before + length)));
    }
    let (name, char) = NAMED.into_iter().find(|(name, _)| text.starts_with(name))?;
    Some((char, semicolon(name.len())))
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

fn base64_decode(value: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = value
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let decoded = STANDARD.decode(&text).or_else(|_| URL_SAFE.decode(&text));
    decoded.unwrap_or_default()
}

/// Backslashes are slashes to some servers, so they are here.
fn normalize_path(value: &[u8]) -> Vec<u8> {
    let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\');
    let absolute = value.first().is_some_and(is_slash);
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in value.split(is_slash) {
        match part {
            b"" | b"." => {}
            b".." if absolute || parts.last().is_some_and(|last| *last != b"..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut out = Vec::with_capacity(value.len());
    for (index, part) in parts.iter().enumerate() {
        if absolute || index > 0 {
            out.push(b'/');
        }
        out.extend_from_slice(part);
    }
    if out.is_empty() && absolute {
        out.push(b'/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(transform: Transform, value: &str) -> String {
        String::from_utf8_lossy(&transform.apply(value.as_bytes())).into_owned()
    }

    #[test]
    fn the_list_has_every_name() {
        for name in Transform::names() {
            assert!(LISTING.contains(name), "{name}");
        }
    }

    #[test]
    fn each_does_what_its_name_says() {
        for (transform, value, wanted) in [
            (Transform::Lower, "GeT \u{c4}", "get \u{c4}"),
            (Transform::UrlDecode, "%2e%2E/a+b%zz%4", "../a b%zz%4"),
            (Transform::UrlDecode, "%252e", "%2e"),
            (
                Transform::HtmlDecode,
                "&lt;script&gt &#60;&#x3C;a&amp;b&nope; &",
                "<script> <<a&b&nope; &",
            ),
            (
                Transform::HtmlDecode,
                "&#1114112;&#x;&#99999999999999;",
                "&#1114112;&#x;&#99999999999999;",
            ),
            (Transform::Base64Decode, "L2V0Yy9wYXNzd2Q=", "/etc/passwd"),
            (Transform::Base64Decode, "L2V0Yy9w\r\nYXNzd2Q", "/etc/passwd"),
            (Transform::Base64Decode, "Pz8_", "???"),
            (Transform::Base64Decode, "not base64!", ""),
            (Transform::NormalizePath, "/a//b/./c/../d", "/a/b/d"),
            (Transform::NormalizePath, "/../../etc/passwd", "/etc/passwd"),
            (Transform::NormalizePath, "..\\..\\win.ini", "../../win.ini"),
            (Transform::NormalizePath, "/a/..", "/"),
            (Transform::NormalizePath, "plain", "plain"),
        ] {
            assert_eq!(text(transform, value), wanted, "{transform:?} of {value}");
        }
    }

    #[test]
    fn what_is_already_so_is_not_copied_and_what_is_long_is_cut() {
        for transform in [
            Transform::Lower,
            Transform::UrlDecode,
            Transform::HtmlDecode,
            Transform::NormalizePath,
        ] {
            assert!(
                matches!(transform.apply(b"plain"), Cow::Borrowed(b"plain")),
                "{transform:?}"
            );
        }
        let long = vec![b'%'; 3 * MAX_VALUE];
        for (_, transform) in NAMES {
            assert!(transform.apply(&long).len() <= MAX_VALUE, "{transform:?}");
        }
    }

    #[test]
    fn they_are_applied_from_within() {
        let transforms = [Transform::Base64Decode, Transform::UrlDecode, Transform::Lower];
        assert_eq!(all(&transforms, b"JTJGRVRD").as_ref(), b"/etc");
        assert!(matches!(all(&[], b"x"), Cow::Borrowed(b"x")));
    }
}
