//! The file watches in the kernel: planned from [`WatchPoint`](lapwing_engine::interest::WatchPoint)s, keyed by the kernel, installed as maps, swapped at once.

mod install;
mod keys;
mod mounts;
mod plan;
mod tree;

use std::{collections::HashMap, sync::Arc};

pub(crate) use install::{InstallError, Watches};

/// A watch behind a number that the kernel sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchName {
    /// The watch's id.
    pub id: Arc<str>,
    /// Whether it holds for everything below its path, or only for the object there and its direct children.
    pub recursive: bool,
}

/// The watches of one path by the number that the kernel knows the path by. A number is never used for two.
pub type WatchNames = HashMap<u32, Arc<[WatchName]>>;
