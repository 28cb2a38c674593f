//! Boots stock kernels under QEMU and runs commands in them.

mod apt;
pub mod cpio;
pub mod guest;
pub mod initramfs;
pub mod job;
pub mod kernel;
pub mod matrix;
pub mod modules;
pub mod page;
pub mod plan;
pub mod programs;
pub mod refusal_page;
pub mod table;
