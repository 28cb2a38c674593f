//! Finds the TLS libraries that processes use, probes each once, and lets go of those that nobody uses any more.
//!
//! The host's own libraries are probed from the start and stay: they cost nothing while nobody uses them, and the first program that does is not
//! missed. Everything else is found where it is mapped: in what is mapped at the start, by the kernel's events of new mappings, and, should some
//! have been lost, by looking again at all processes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    os::fd::AsRawFd as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use libbpf_rs::{Link, Object, UprobeMultiOpts, UprobeOpts};

use super::{
    doors::{self, Door},
    elf::Elf,
    events::Events,
    maps::{self, Mapped, Mapping},
    open::{self, FileSystems, Opened},
};
use crate::{libbpf_log, object::has_uprobe_multi};

/// Files that were looked at and are remembered; past it all are looked at again.
const REMEMBERED: usize = 65536;
/// Files that are probed at once; each holds some twelve descriptors.
const MOST: usize = 256;
/// How often the new mappings are taken: as late as this a library is probed that nobody used before.
const PAUSE: Duration = Duration::from_millis(20);
/// How often it is looked whether the process by which a library was found still uses it.
const CHECK: Duration = Duration::from_secs(1);
/// Between two looks at all processes: when something was missed, and always.
const SOON: Duration = Duration::from_secs(5);
const ANYWAY: Duration = Duration::from_secs(60);
/// Looks at all processes after which files in which nothing was found are looked at again: an inode's number may have come to another file.
const ANEW: u32 = 10;
/// Where this host keeps its libraries.
const OWN: &[&str] = &[
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
];

/// Code in files that are in no file system: what JIT compilers make, mostly.
const MEMORY: &str = "/memfd:";

/// A file whose TLS functions are probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsObject {
    /// Its path, as the process has it by which it was found.
    pub path: String,
    /// Functions that are probed.
    pub functions: usize,
    /// Those of them that are probed at an instruction which the kernel must single-step.
    pub slow: usize,
    /// Kept though no process uses it: one of the host's own libraries.
    pub standing: bool,
}

/// What the finder's thread tells others.
#[derive(Default)]
pub(crate) struct Shared {
    pub stop: AtomicBool,
    pub objects: Mutex<Vec<TlsObject>>,
    /// Files that could not be looked at, or not be probed.
    pub missed: AtomicU64,
    /// Why the last one was not.
    pub why: Mutex<Option<String>>,
}

/// Device and inode as stat(2) says.
type FileId = (u64, u64);

struct Probed {
    _links: Vec<Link>,
    id: FileId,
    /// A process that uses it.
    witness: u32,
    object: TlsObject,
}

pub(crate) struct Finder {
    probes: Object,
    probed: HashMap<FileId, Probed>,
    /// What became of each file that was seen: None when it has nothing to probe.
    known: HashMap<Mapped, Option<FileId>>,
    events: Option<Events>,
    exits: Option<Link>,
    scans: u32,
    shared: Arc<Shared>,
}

impl Finder {
    pub fn new(probes: Object, shared: Arc<Shared>) -> Finder {
        let events = Events::open()
            .inspect_err(|error| tracing::warn!(%error, "the kernel does not tell of new mappings: TLS libraries are found seconds late"));
        Finder {
            probes,
            probed: HashMap::new(),
            known: HashMap::new(),
            events: events.ok(),
            exits: None,
            scans: 0,
            shared,
        }
    }

    /// Lets the kernel count what threads were writing when they ended. The error says why it does not.
    pub fn count_exits(&mut self) -> Result<(), String> {
        let program = self.probes.progs_mut().find(|p| p.name() == doors::EXIT);
        libbpf_log::clear();
        let link = program.ok_or("no such program")?.attach();
        self.exits = Some(link.map_err(|error| libbpf_log::explain(&error))?);
        Ok(())
    }

    /// Probes the libraries of this host that programs will most likely use, so that the first one is not missed.
    pub fn add_own(&mut self) {
        let places = OWN.iter().map(|place| (*place).to_owned());
        let below = OWN.iter().flat_map(|place| directories(place));
        for place in places.chain(below).collect::<Vec<_>>() {
            for path in entries(&place).filter(|path| is_library(path)).collect::<Vec<_>>() {
                match open::own(&path) {
                    Ok(opened) => drop(self.probe(&opened, &path, true)),
                    Err(why) => self.miss(&path, &why),
                }
            }
        }
        self.tell();
    }

    /// Looks for libraries until it is told to stop.
    pub fn run(mut self) {
        self.scan();
        let (mut scanned, mut checked, mut missed) = (Instant::now(), Instant::now(), false);
        while !self.shared.stop.load(Ordering::Relaxed) {
            missed |= self.follow();
            if checked.elapsed() >= CHECK {
                checked = Instant::now();
                missed |= self.probed.values().any(|probed| !self.is_used(probed));
            }
            if scanned.elapsed() >= if missed { SOON } else { ANYWAY } {
                self.scan();
                (scanned, missed) = (Instant::now(), false);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Looks at what was mapped since the last time. True when it cannot tell.
    fn follow(&mut self) -> bool {
        let Some(events) = &mut self.events else { return true };
        let news = events.take();
        let mut systems = None;
        let before = self.probed.len();
        for new in news.mappings {
            if !self.known.contains_key(&new.file) {
                self.look(
                    new.pid,
                    systems.get_or_insert_with(FileSystems::new),
                    &mut HashSet::new(),
                );
            }
        }
        if self.probed.len() != before {
            self.tell();
        }
        news.lost
    }

    /// Looks at what one process has mapped, and adds what is probed of it to `used`.
    fn look(&mut self, pid: u32, systems: &mut FileSystems, used: &mut HashSet<FileId>) {
        let text = maps::of(pid);
        for mapping in maps::executable(&text) {
            let found = match self.known.get(&mapping.file) {
                Some(found) => *found,
                None => {
                    let found = self.examine(pid, &mapping, systems);
                    self.known.insert(mapping.file, found);
                    found
                }
            };
            if let Some(id) = found
                && used.insert(id)
                && let Some(probed) = self.probed.get_mut(&id)
            {
                probed.witness = pid;
            }
        }
    }

    /// Whether somebody surely uses it; the host's own libraries need nobody.
    fn is_used(&self, probed: &Probed) -> bool {
        let is_it = |mapping: Mapping<'_>| {
            let found = self.known.get(&mapping.file).copied().flatten();
            found.is_some_and(|id| id == probed.id)
        };
        probed.object.standing || maps::executable(&maps::of(probed.witness)).any(is_it)
    }

    /// Looks at what all processes have mapped; lets go of what none has.
    fn scan(&mut self) {
        self.scans += 1;
        if self.known.len() > REMEMBERED || self.scans.is_multiple_of(ANEW) {
            self.known.retain(|_, found| found.is_some());
        }
        let mut systems = FileSystems::new();
        let mut used = HashSet::new();
        for pid in maps::processes() {
            if self.shared.stop.load(Ordering::Relaxed) {
                return;
            }
            self.look(pid, &mut systems, &mut used);
        }
        self.probed
            .retain(|id, probed| probed.object.standing || used.contains(id));
        let probed = &self.probed;
        self.known
            .retain(|_, found| found.is_none_or(|id| probed.contains_key(&id)));
        self.tell();
    }

    fn examine(&mut self, pid: u32, mapping: &Mapping<'_>, systems: &mut FileSystems) -> Option<FileId> {
        if mapping.path.starts_with(MEMORY) {
            return None;
        }
        match open::mapped(pid, mapping, systems) {
            Ok(opened) => self.probe(&opened, mapping.path, false),
            Err(why) => {
                self.miss(mapping.path, &why);
                None
            }
        }
    }

    /// Probes a file if it is a TLS library and not probed yet.
    fn probe(&mut self, opened: &Opened, path: &str, standing: bool) -> Option<FileId> {
        if self.probed.contains_key(&opened.id) {
            return Some(opened.id);
        }
        let doors = doors::doors(&Elf::parse(&opened.file)?);
        if doors.is_empty() {
            return None;
        }
        if self.probed.len() >= MOST {
            self.miss(path, "too many files are probed already");
            return None;
        }
        match self.attach(opened, &doors) {
            Ok(links) => {
                let object = TlsObject {
                    path: path.to_owned(),
                    functions: doors.len(),
                    slow: doors.iter().filter(|door| !door.cheap).count(),
                    standing,
                };
                tracing::debug!(path, ?object, "the TLS functions of this file are probed");
                let probed = Probed {
                    _links: links,
                    id: opened.id,
                    witness: 0,
                    object,
                };
                self.probed.insert(opened.id, probed);
                Some(opened.id)
            }
            Err(why) => {
                self.miss(path, &why);
                None
            }
        }
    }

    /// Returns last, and let go first: a return whose begin was not seen would count as lost.
    pub fn attach(&self, opened: &Opened, doors: &[Door]) -> Result<Vec<Link>, String> {
        let path = format!("/proc/self/fd/{}", opened.file.as_raw_fd());
        let mut begins: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut returns = Vec::new();
        for door in doors {
            let offset = usize::try_from(door.offset).map_err(|error| error.to_string())?;
            begins.entry(door.program).or_default().push(offset);
            returns.extend(door.returns.then_some(offset));
        }
        let mut links = Vec::new();
        for (program, offsets) in begins {
            links.extend(self.link(&path, program, offsets, false)?);
        }
        links.extend(self.link(&path, doors::RETURN, returns, true)?);
        links.reverse();
        Ok(links)
    }

    fn link(&self, path: &str, program: &str, offsets: Vec<usize>, retprobe: bool) -> Result<Vec<Link>, String> {
        let program = self.probes.progs_mut().find(|p| p.name() == program);
        let program = program.ok_or("no such program")?;
        libbpf_log::clear();
        let say = |error: libbpf_rs::Error| libbpf_log::explain(&error);
        if has_uprobe_multi() {
            let options = UprobeMultiOpts {
                offsets,
                retprobe,
                ..UprobeMultiOpts::default()
            };
            let link = program.attach_uprobe_multi_with_opts(-1, path, "", options);
            return link.map(|link| vec![link]).map_err(say);
        }
        let attach = |offset| {
            let options = UprobeOpts {
                retprobe,
                ..UprobeOpts::default()
            };
            program.attach_uprobe_with_opts(-1, path, offset, options).map_err(say)
        };
        offsets.into_iter().map(attach).collect()
    }

    fn miss(&self, path: &str, why: &str) {
        tracing::debug!(path, why, "the TLS functions of this file, if it has any, are not seen");
        self.shared.missed.fetch_add(1, Ordering::Relaxed);
        *self.shared.why.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(format!("{path}: {why}"));
    }

    fn tell(&self) {
        let mut objects: Vec<_> = self.probed.values().map(|probed| probed.object.clone()).collect();
        objects.sort_by(|a, b| a.path.cmp(&b.path));
        *self
            .shared
            .objects
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = objects;
    }
}

/// libssl.so.3, libssl.so.1.1, libssl-1a2b.so.1.1.
fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with("libssl") && name.contains(".so")
}

fn entries(place: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.path().into_os_string().into_string().ok())
}

/// The directories of architectures: x86_64-linux-gnu.
fn directories(place: &str) -> impl Iterator<Item = String> {
    entries(place).filter(|path| path.contains("-linux-"))
}
