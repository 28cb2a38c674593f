//! Packed bodies.

use std::io::Write;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

use super::talk::Talk;
use crate::net::{conversation::Limits, http::Body};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The body of a response, and what was wrong with it.
fn body(coding: &str, bytes: &[u8], most: usize) -> (Body, Vec<&'static str>) {
    let mut talk = Talk::with(
        Limits {
            response_body: most,
            ..Limits::default()
        },
        4 << 20,
    );
    let mut response = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    )
    .into_bytes();
    response.extend_from_slice(bytes);
    talk.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").answer(&response).close();
    (talk.responses()[0].0.body.clone(), talk.malformed())
}

const TEXT: &[u8] = b"<html>hello hello hello hello hello</html>";

#[test]
fn packed_bodies_are_unpacked() {
    let twice = gzip(&zlib(TEXT));
    let members = [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat();
    let cases = [
        ("gzip", gzip(TEXT)),
        ("X-GZip", gzip(TEXT)),
        ("gzip", members),
        ("deflate", zlib(TEXT)),
        ("deflate", raw(TEXT)),
        ("deflate, gzip", twice),
        ("identity", TEXT.to_vec()),
    ];
    for (coding, packed) in cases {
        let (body, malformed) = body(coding, &packed, 1000);
        assert_eq!(body.bytes, TEXT, "{coding}");
        assert!(
            !body.packed && !body.truncated && !body.partial && malformed.is_empty(),
            "{coding}"
        );
        assert_eq!(body.length, packed.len() as u64);
    }
}

#[test]
fn a_coding_of_the_transfer_is_undone_as_well() {
    let packed = gzip(TEXT);
    let mut response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".to_vec();
    response.extend(
        format!("{:x}\r\n", packed.len())
            .bytes()
            .chain(packed)
            .chain(*b"\r\n0\r\n\r\n"),
    );
    let mut talk = Talk::new();
    talk.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").answer(&response);
    assert_eq!(talk.responses()[0].0.body.bytes, TEXT);
    assert!(talk.malformed().is_empty());
}

#[test]
fn what_cannot_be_unpacked_is_left_and_said() {
    for (coding, odd) in [
        ("br", false),
        ("zstd", false),
        ("gzip", true),
        ("deflate", true),
        ("gzip, gzip, gzip, gzip", false),
    ] {
        let (body, malformed) = body(coding, TEXT, 1000);
        assert_eq!((&body.bytes[..], body.packed), (TEXT, true), "{coding}");
        assert_eq!(
            malformed,
            if odd { vec!["content-encoding"] } else { vec![] },
            "{coding}"
        );
    }
    let mut broken = gzip(TEXT);
    let end = broken.len() - 3;
    broken[end] ^= 1;
    let (body, malformed) = body("gzip", &broken, 1000);
    assert_eq!(
        (&body.bytes[..], body.partial, malformed.as_slice()),
        (TEXT, true, &["content-encoding"][..])
    );
}

#[test]
fn bombs_end_at_the_bound() {
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let (unpacked, _) = body("gzip", &bomb, 512 << 10);
    assert_eq!(
        (unpacked.bytes.len(), unpacked.truncated, unpacked.packed),
        (512 << 10, true, false)
    );
    // A bomb in a bomb, and one that is cut itself.
    let (unpacked, _) = body("gzip, gzip", &gzip(&bomb), 512 << 10);
    assert_eq!((unpacked.bytes.len(), unpacked.truncated), (512 << 10, true));
    let noise: Vec<u8> = (0..300_000_u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect();
    let (unpacked, malformed) = body("gzip", &gzip(&noise), 100_000);
    assert!(unpacked.truncated && !unpacked.packed && unpacked.bytes.len() > 90_000 && malformed.is_empty());
    assert!(noise.starts_with(&unpacked.bytes));
}
