//! As much HTTP as the tests speak with Prometheus, Alertmanager and the agent.

#![allow(dead_code)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

/// One request; status and body. HTTP/1.0: the answer comes in one piece and ends with the connection.
pub fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap(), body.to_owned())
}

/// The body of an answer of success.
pub fn get(address: SocketAddr, path: &str) -> String {
    let (status, body) = request(address, "GET", path, "");
    assert_eq!(status, 200, "GET {path}: {body}");
    body
}

/// The same as JSON.
pub fn get_json(address: SocketAddr, path: &str) -> Value {
    serde_json::from_str(&get(address, path)).unwrap()
}

/// Sends JSON, and takes JSON (or nothing) that says success.
pub fn post_json(address: SocketAddr, path: &str, body: &Value) -> Value {
    let (status, answer) = request(address, "POST", path, &body.to_string());
    assert_eq!(status, 200, "POST {path} {body}: {answer}");
    serde_json::from_str(&answer).unwrap_or_default()
}

/// For a query string.
pub fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
