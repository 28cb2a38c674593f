//! A program with some of root's capabilities only.

use std::{os::unix::process::CommandExt, process::Command};

use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

use crate::error::{Context, Error, Result};

/// Becomes `program`, which has no other capabilities than those named (without CAP_, by comma): what root's programs get is bounded.
///
/// # Errors
/// An unknown name, or a program that cannot be run.
pub fn limited(names: &str, program: &str, args: &[&str]) -> Result<i32> {
    let mut kept = CapabilitySet::empty();
    for name in names.split(',') {
        kept |= CapabilitySet::from_name(name).ok_or_else(|| Error(format!("no capability {name}")))?;
    }
    for capability in CapabilitySet::all().difference(kept).iter() {
        match remove_capability_from_bounding_set(capability) {
            // This kernel does not know it.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            error => error.context("PR_CAPBSET_DROP")?,
        }
    }
    Err(Error(format!("{program}: {}", Command::new(program).args(args).exec())))
}
