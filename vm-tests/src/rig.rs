//! Boots stock kernels under QEMU and runs commands in them.

pub mod cpio;
pub mod guest;
pub mod initramfs;
pub mod kernel;
pub mod modules;
pub mod plan;
