//! A server that answers whatever it is sent, and clients that do not behave.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

/// Longer than anything takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers each message that ends with an empty line; a thread for each connection.
pub fn serve(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    serve_on(listener, answer)
}

pub fn serve_on(listener: TcpListener, answer: Vec<u8>) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            thread::spawn(move || talk(stream.unwrap(), &answer));
        }
    });
    address
}

fn talk(mut stream: TcpStream, answer: &[u8]) {
    let mut end = [0; 4];
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        for byte in &buffer[..length] {
            end.rotate_left(1);
            end[3] = *byte;
            if &end == b"\r\n\r\n" && stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends `request` in pieces of so many bytes, and reads so many bytes of the answer.
pub fn ask(address: SocketAddr, request: &[u8], piece: usize, answer: usize) {
    let mut stream = connect(address);
    for piece in request.chunks(piece) {
        stream.write_all(piece).unwrap();
    }
    stream.read_exact(&mut vec![0; answer]).unwrap();
}

/// A well-behaved request.
pub fn good(address: SocketAddr, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n");
    ask(address, request.as_bytes(), request.len(), OK.len());
}
