//! What of Lapwing is in the kernel, whoever put it there: for tests that nothing stays behind, and for who wonders.

use crate::capability::{Capabilities, SYS_ADMIN};
use libbpf_rs::query::{LinkInfoIter, MapInfoIter, ProgInfoIter};

/// How the names of all our programs and maps begin.
const PREFIX: &[u8] = b"lw_";

/// Objects in the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Present {
    /// Names of our programs, as far as the kernel keeps them (15 bytes).
    pub programs: Vec<String>,
    /// Names of our maps.
    pub maps: Vec<String>,
    /// Links of our programs.
    pub links: usize,
}

/// Lists them. None without CAP_SYS_ADMIN, which the kernel asks for.
pub fn present() -> Option<Present> {
    if !Capabilities::held().has(SYS_ADMIN) {
        return None;
    }
    let named = |name: &std::ffi::OsStr| {
        let ours = name.as_encoded_bytes().starts_with(PREFIX);
        ours.then(|| name.to_string_lossy().into_owned())
    };
    let programs: Vec<_> = ProgInfoIter::default()
        .filter_map(|program| Some((program.id, named(&program.name)?)))
        .collect();
    let links = LinkInfoIter::default().filter(|link| programs.iter().any(|(id, _)| *id == link.prog_id));
    Some(Present {
        links: links.count(),
        maps: MapInfoIter::default().filter_map(|map| named(&map.name)).collect(),
        programs: programs.into_iter().map(|(_, name)| name).collect(),
    })
}
