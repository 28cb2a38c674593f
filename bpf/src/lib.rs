//! Lapwing's probes: all the BPF C, all the unsafe code, and nothing else.
//!
//! The hooks (`c/*.bpf.c`) write records into rings; [`decode`] turns a record into an [`lapwing_engine::event::Event`].

pub mod decode;
mod object;
mod wire;
mod watch;
