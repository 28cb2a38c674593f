//! From the strings of a system call to a path.
//!
//! Where the kernel refuses function hooks, calls like unlink or rename only carry a directory and a string. The directory's part is looked up
//! here, soon after the call, and the result is [`Value::Partial`]: between the call and the look-up somebody may have moved a directory.
//!
//! The look-up never waits for a disk, a FUSE daemon or a network file system: `RESOLVE_CACHED` (openat2(2), Linux 5.12) answers from the dentry
//! cache or not at all. The parent of what was just unlinked is in that cache. Where the answer is no, the string is normalised as text, and counted.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use lapwing_engine::event::{Body, Bytes, Event, FileOp, RawPath, Value};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, open, openat2, readlinkat};

/// Flags of an open, as in a [`FileEvent`](lapwing_engine::event::FileEvent) on every architecture.
const O_ACCMODE: u32 = 0o3;
const O_CREAT: u32 = 0o100;
const O_TRUNC: u32 = 0o1000;

/// linux/fcntl.h.
const AT_SYMLINK_NOFOLLOW: u32 = 0x100;

/// Looks up raw paths below the host's root.
pub struct Resolver {
    /// The host's root directory: `/`, or where it is mounted for an agent in a container.
    root: OwnedFd,
    /// What the root is called in this mount namespace; taken off the answers.
    prefix: Vec<u8>,
    unresolved: AtomicU64,
}

impl Resolver {
    /// A resolver below `host_root`.
    ///
    /// # Errors
    /// When the directory cannot be opened.
    pub fn new(host_root: &Path) -> std::io::Result<Resolver> {
        let root = open(
            host_root,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let prefix = host_root
            .as_os_str()
            .as_bytes()
            .strip_suffix(b"/")
            .unwrap_or(host_root.as_os_str().as_bytes());
        Ok(Resolver {
            root,
            prefix: prefix.to_vec(),
            unresolved: AtomicU64::new(0),
        })
    }

    /// How many paths were only normalised as text.
    pub fn unresolved(&self) -> u64 {
        self.unresolved.load(Ordering::Relaxed)
    }

    /// Fills in `path` and `target` of a file event that came with raw strings; leaves every other event alone.
    pub fn resolve(&self, event: &mut Event) {
        let Body::File(file) = &mut event.body else { return };
        let Some(raw) = file.raw.take() else { return };
        let (path, target) = *raw;
        // What a call that follows a symbolic link did, it did to the link's end.
        let follow = match file.op {
            FileOp::Delete | FileOp::Rename | FileOp::Create => false,
            FileOp::Permission => file.flags & AT_SYMLINK_NOFOLLOW == 0,
            FileOp::Write | FileOp::Read | FileOp::Execute => true,
        };
        file.path = self.look_up(&path, follow);
        // The kernel refused to open with O_CREAT: whether it was to create a file, or to write to (or read) one, shows now.
        if file.op == FileOp::Create && file.errno != 0 && file.flags & O_CREAT != 0 && self.exists(&path) {
            file.op = if file.flags & (O_ACCMODE | O_TRUNC) != 0 {
                FileOp::Write
            } else {
                FileOp::Read
            };
        }
        if let Some(target) = target {
            file.target = self.look_up(&target, false);
        }
    }

    fn look_up(&self, raw: &RawPath, follow: bool) -> Value<Bytes> {
        let Some(joined) = join(raw) else { return Value::Missing };
        // Another root is another view of the mounts: looking it up in ours would name the wrong file.
        if raw.root.is_none()
            && let Some(found) = self.by_kernel(&joined, follow)
        {
            return Value::Partial(Bytes::from(found));
        }
        self.unresolved.fetch_add(1, Ordering::Relaxed);
        Value::Partial(Bytes::from(normalise(&joined)))
    }

    fn exists(&self, raw: &RawPath) -> bool {
        raw.root.is_none() && join(raw).is_some_and(|joined| self.cached(&joined).is_some())
    }

    fn by_kernel(&self, path: &[u8], follow: bool) -> Option<Vec<u8>> {
        if follow && let Some(whole) = self.cached(path) {
            return Some(whole);
        }
        let (parent, name) = split_last(path);
        if name.is_empty() || name == b"." || name == b".." {
            return self.cached(path);
        }
        let mut found = self.cached(parent)?;
        if found.last() != Some(&b'/') {
            found.push(b'/');
        }
        found.extend_from_slice(name);
        Some(found)
    }

    fn cached(&self, path: &[u8]) -> Option<Vec<u8>> {
        let flags = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::CACHED;
        let fd = openat2(&self.root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), flags).ok()?;
        let link = readlinkat(CWD, format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new()).ok()?;
        let inside = link.as_bytes().strip_prefix(self.prefix.as_slice())?;
        match inside {
            b"" => Some(b"/".to_vec()),
            [b'/', ..] => Some(inside.to_vec()),
            _ => None,
        }
    }
}

/// The absolute string of a call, symbolic links and `..` still in it; None when too little is known.
fn join(raw: &RawPath) -> Option<Vec<u8>> {
    let given = raw.given.get()?;
    let mut start: Vec<u8> = match given.first() {
        Some(b'/') => raw.root.as_ref().map(|root| root.to_vec()).unwrap_or_default(),
        _ => raw.base.get()?.to_vec(),
    };
    start.push(b'/');
    start.extend_from_slice(given);
    Some(start)
}

fn split_last(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |last| last + 1);
    let path = &path[..end];
    match path.iter().rposition(|&b| b == b'/') {
        Some(0) | None => (b"/", path.strip_prefix(b"/").unwrap_or(path)),
        Some(slash) => (&path[..slash], &path[slash + 1..]),
    }
}

/// The path as text: no `.`, no empty component, `..` takes the one before.
fn normalise(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for part in &parts {
        out.push(b'/');
        out.extend_from_slice(part);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

#[cfg(test)]
mod tests {
    use lapwing_engine::event::{BootTime, FileEvent, Flavour, Header, ProcessKey};

    use lapwing_engine::synthetic::Synthetic;

    use super::*;

    fn raw(base: &str, given: &str) -> RawPath {
        RawPath {
            base: Value::Known(base.into()),
            given: Value::Known(given.into()),
            root: None,
        }
    }

    fn text(value: Value<Bytes>) -> String {
        assert!(value.is_partial(), "what userspace resolved is never Known");
        value.get().map(Bytes::to_text).unwrap()
    }

    #[test]
    fn follows_the_parents_links_but_not_the_last_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        std::os::unix::fs::symlink("real", root.join("alias")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.join("real/link")).unwrap();
        let resolver = Resolver::new(Path::new("/")).unwrap();
        let base = root.to_str().unwrap();
        assert_eq!(
            text(resolver.look_up(&raw(base, "alias/gone"), false)),
            format!("{base}/real/gone")
        );
        assert_eq!(
            text(resolver.look_up(&raw(base, "alias/../real/./link"), false)),
            format!("{base}/real/link")
        );
        assert_eq!(text(resolver.look_up(&raw(base, "alias/link"), true)), "/etc/passwd");
        assert_eq!(resolver.unresolved(), 0);
    }

    #[test]
    fn a_change_to_a_link_itself_is_about_the_link() {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
        let resolver = Resolver::new(Path::new("/")).unwrap();
        let chown = |flags| {
            let given = raw(root.to_str().unwrap(), "link");
            let change = |file: &mut FileEvent| {
                (file.flags, file.raw) = (flags, Some(Box::new((given, None))));
            };
            let mut events = Synthetic::new().file_with(1, FileOp::Permission, "/", change).take();
            let event = events.last_mut().unwrap();
            resolver.resolve(event);
            let Body::File(file) = &event.body else {
                panic!("not a file event")
            };
            text(file.path.clone())
        };
        assert_eq!(chown(AT_SYMLINK_NOFOLLOW), root.join("link").to_str().unwrap());
        assert_eq!(chown(0), "/etc/passwd");
    }

    #[test]
    fn falls_back_to_text_and_counts_it() {
        let resolver = Resolver::new(Path::new("/")).unwrap();
        assert_eq!(
            text(resolver.look_up(&raw("/no/such", "a/../b//c/"), false)),
            "/no/such/b/c"
        );
        assert_eq!(resolver.unresolved(), 1);
        let nothing = RawPath {
            base: Value::Missing,
            given: Value::Known("x".into()),
            root: None,
        };
        assert_eq!(resolver.look_up(&nothing, false), Value::Missing);
    }

    #[test]
    fn stays_below_the_hosts_root_when_that_is_mounted_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir(root.join("etc")).unwrap();
        let resolver = Resolver::new(&root).unwrap();
        assert_eq!(text(resolver.look_up(&raw("/", "/etc/shadow"), false)), "/etc/shadow");
    }

    #[test]
    fn a_refused_open_is_a_write_when_the_file_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::write(root.join("there"), "x").unwrap();
        let resolver = Resolver::new(Path::new("/")).unwrap();
        let base = root.to_str().unwrap();
        for (name, flags, op) in [
            ("there", 0o1, FileOp::Write),
            ("there", 0o1000, FileOp::Write),
            ("there", 0, FileOp::Read),
            ("not-there", 0o1, FileOp::Create),
        ] {
            let mut event = refused_create(raw(base, name), flags | O_CREAT);
            resolver.resolve(&mut event);
            let Body::File(file) = event.body else {
                panic!("it was a file event")
            };
            assert_eq!(file.op, op, "{name} {flags:o}");
        }
    }

    fn refused_create(raw: RawPath, flags: u32) -> Event {
        let header = Header {
            time: BootTime(1),
            process: ProcessKey { pid: 1, start: 1 },
            tid: 1,
            cpu: 0,
            seq: 1,
            syscall: None,
            generation: 1,
            flavour: Flavour::Syscall,
        };
        let file = FileEvent {
            op: FileOp::Create,
            errno: 13,
            path: Value::Missing,
            target: Value::Missing,
            key: None,
            mode: 0,
            flags,
            owner: None,
            hits: None,
            raw: Some(Box::new((raw, None))),
        };
        Event {
            header,
            body: Body::File(Box::new(file)),
        }
    }

    #[test]
    fn another_root_is_only_normalised() {
        let resolver = Resolver::new(Path::new("/")).unwrap();
        let jailed = RawPath {
            root: Some("/srv/jail".into()),
            ..raw("/srv/jail/etc", "/etc/../etc/x")
        };
        assert_eq!(text(resolver.look_up(&jailed, false)), "/srv/jail/etc/x");
    }
}
