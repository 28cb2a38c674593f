//! Loads programs of one object and attaches them, each by itself: one that fails takes no other with it.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    os::fd::{AsFd as _, AsRawFd as _},
};

use libbpf_rs::{
    Btf, ErrorKind, Link, Object, ObjectBuilder, OpenObject, ProgramAttachType,
    btf::types::{Func, Typedef},
};

use crate::{
    base::{Base, CONNECTIONS},
    capability::{Capabilities, NET_ADMIN},
    cost::Most,
    libbpf_log,
    net::{self, cgroup},
    object::{SOURCES, has_uprobe_multi},
};

/// Functions that newer kernels call otherwise, with the same arguments: what a program's section says, and the new name.
const RENAMED: &[(&str, &str)] = &[("do_filp_open", "do_file_open") /* by 7.2 */];

/// Programs of one object, loaded and attached.
pub(crate) struct Loaded {
    pub source: &'static str,
    pub object: Object,
    /// By program; dropping a link detaches.
    pub links: BTreeMap<&'static str, Link>,
    /// Its programs that are loaded, attached or not.
    pub members: BTreeSet<&'static str>,
    /// The most runs that it is known to have missed, see `cost.rs`.
    pub most_missed: Most,
}

/// Why programs did not attach.
pub(crate) type Refusals = BTreeMap<&'static str, String>;

/// Loads and attaches `programs` of `source`. What the kernel lacks or refuses is in the refusals.
pub(crate) fn attach(
    base: &Base,
    types: &KernelTypes,
    source: &'static str,
    programs: &BTreeSet<&'static str>,
) -> (Option<Loaded>, Refusals) {
    let mut refusals = Refusals::new();
    let mut wanted = programs.clone();
    match missing(types, source, programs) {
        Ok(missing) => {
            for (program, what) in missing {
                wanted.remove(program);
                refusals.insert(program, format!("this kernel has no {what}"));
            }
        }
        Err(why) => return (None, all(programs, &why)),
    }
    let object = match load_with(base, types, source, &wanted) {
        Ok(object) => object,
        Err(why) if wanted.len() <= 1 => {
            refusals.extend(all(&wanted, &why));
            return (None, refusals);
        }
        Err(_) => {
            // One of them fails: find out which by loading each alone.
            for program in wanted.clone() {
                if let Err(why) = load_with(base, types, source, &BTreeSet::from([program])) {
                    wanted.remove(program);
                    refusals.insert(program, why);
                }
            }
            match load_with(base, types, source, &wanted) {
                Ok(object) if !wanted.is_empty() => object,
                Ok(_) => return (None, refusals),
                Err(why) => {
                    refusals.extend(all(&wanted, &why));
                    return (None, refusals);
                }
            }
        }
    };
    let mut loaded = Loaded {
        source,
        object,
        links: BTreeMap::new(),
        members: wanted.clone(),
        most_missed: Most::default(),
    };
    for program in wanted {
        match link(base, &loaded.object, program) {
            Ok(link) => {
                loaded.links.insert(program, link);
            }
            Err(why) => {
                refusals.insert(program, why);
            }
        }
    }
    (Some(loaded), refusals)
}

/// Opens `source` with only `programs` to be loaded, its shared maps taken from the base, and loads it.
pub(crate) fn load(base: &Base, source: &str, programs: &BTreeSet<&'static str>) -> Result<Object, String> {
    load_with(base, &KernelTypes::default(), source, programs)
}

/// The same, the verifier telling its statistics to [`libbpf_log`].
pub(crate) fn load_telling(
    base: &Base,
    types: &KernelTypes,
    source: &str,
    programs: &BTreeSet<&str>,
) -> Result<Object, String> {
    let mut open = prepared(base, types, source, programs)?;
    for mut program in open.progs_mut() {
        program.set_log_level(libbpf_log::STATISTICS);
    }
    open.load().map_err(|error| refusal(&error, programs))
}

fn load_with(base: &Base, types: &KernelTypes, source: &str, programs: &BTreeSet<&str>) -> Result<Object, String> {
    prepared(base, types, source, programs)?
        .load()
        .map_err(|error| refusal(&error, programs))
}

/// The object with `programs` and the base's maps, to be loaded.
fn prepared(base: &Base, types: &KernelTypes, source: &str, programs: &BTreeSet<&str>) -> Result<OpenObject, String> {
    let mut open = open(source)?;
    for mut program in open.progs_mut() {
        let wanted = programs.iter().any(|name| program.name() == *name);
        program.set_autoload(wanted);
        if is_uprobe(program.section()) && has_uprobe_multi() {
            program.set_attach_type(ProgramAttachType::TraceUprobeMulti);
        }
        if let Some((old, new)) = RENAMED.iter().find(|(old, _)| wanted && hooks(program.section(), old))
            && !has_function(types.get()?, old)
        {
            program
                .set_attach_target(0, Some((*new).to_owned()))
                .map_err(|error| format!("attaching to {new}: {error}"))?;
        }
    }
    base.share(&mut open)
        .map_err(|error| format!("sharing maps with {source}: {error}"))?;
    libbpf_log::clear();
    Ok(open)
}

/// Why a load was refused.
fn refusal(error: &libbpf_rs::Error, programs: &BTreeSet<&str>) -> String {
    let on_packets = programs.iter().any(|program| net::on_packets(program));
    if error.kind() == ErrorKind::PermissionDenied && on_packets && !Capabilities::held().has(NET_ADMIN) {
        return format!(
            "lapwing has no CAP_NET_ADMIN, which programs on packets need ({error}): give it that, or run it as root"
        );
    }
    libbpf_log::explain(error)
}

fn is_uprobe(section: &OsStr) -> bool {
    section == "uprobe" || section == "uretprobe"
}

/// Whether a program's section says that it hooks `function`.
fn hooks(section: &OsStr, function: &str) -> bool {
    matches!(section.to_str().and_then(|section| section.split_once('/')), Some(("fentry" | "fexit", hooked)) if hooked == function)
}

/// The kernel's types, read once they are needed: some five megabytes, so they are not kept for longer than a choice takes.
#[derive(Default)]
pub(crate) struct KernelTypes(OnceCell<Result<Btf<'static>, String>>);

impl KernelTypes {
    fn get(&self) -> Result<&Btf<'static>, String> {
        let read = || Btf::from_vmlinux().map_err(|error| format!("reading the kernel's BTF: {error}"));
        self.0.get_or_init(read).as_ref().map_err(Clone::clone)
    }
}

fn has_function(types: &Btf<'_>, function: &str) -> bool {
    types.type_by_name::<Func<'_>>(function).is_some()
}

fn open(source: &str) -> Result<OpenObject, String> {
    let elf = SOURCES
        .iter()
        .find(|s| s.name == source)
        .ok_or_else(|| format!("there is no c/{source}.bpf.c"))?
        .elf();
    ObjectBuilder::default()
        .open_memory(elf)
        .map_err(|error| format!("opening {source}: {error}"))
}

/// Those of `programs` that hook something which the kernel does not have, with what it is.
pub(crate) fn missing<'a>(
    types: &KernelTypes,
    source: &str,
    programs: &BTreeSet<&'a str>,
) -> Result<Vec<(&'a str, String)>, String> {
    let open = open(source)?;
    let mut hooked = Vec::new();
    for program in programs {
        let found = open.progs().find(|p| p.name() == *program);
        let section = found.map(|p| p.section().to_string_lossy().into_owned());
        hooked.push((*program, section));
    }
    let types = types.get()?;
    Ok(hooked
        .into_iter()
        .filter_map(|(program, section)| {
            let what = match section {
                None => Some(format!("function for {program} on this architecture")),
                Some(section) => lacks(types, section.split_once('/')?),
            };
            Some((program, what?))
        })
        .collect())
}

/// What the kernel lacks for a program whose section is `kind/name`.
fn lacks(types: &Btf<'_>, (kind, name): (&str, &str)) -> Option<String> {
    let (has, what) = match kind {
        "fentry" | "fexit" => {
            let new = RENAMED.iter().find(|(old, _)| *old == name);
            let has = has_function(types, name) || new.is_some_and(|(_, new)| has_function(types, new));
            (has, "function")
        }
        // The kernel's type of a tracepoint's handlers has its name.
        "tp_btf" | "raw_tp" => {
            let handler = format!("btf_trace_{name}");
            (types.type_by_name::<Typedef<'_>>(&handler).is_some(), "tracepoint")
        }
        // The kernel has a function for each kind of iterator, which is never called.
        "iter" => (has_function(types, &format!("bpf_iter_{name}")), "iterator"),
        _ => return None,
    };
    (!has).then(|| format!("{what} {name}"))
}

pub(crate) fn link(base: &Base, object: &Object, program: &'static str) -> Result<Link, String> {
    let found = object.progs_mut().find(|p| p.name() == program);
    libbpf_log::clear();
    let found = found.ok_or_else(|| format!("no program {program}"))?;
    if found.section().to_string_lossy().starts_with("cgroup_skb/") {
        let root = cgroup::root()?;
        return found
            .attach_cgroup(root.as_raw_fd())
            .map_err(|error| refusal(&error, &BTreeSet::from([program])));
    }
    if program == net::TABLE_PROGRAM {
        let table = base.map(CONNECTIONS).ok_or("there is no table of connections")?;
        return found
            .attach_iter(table.as_fd())
            .map_err(|error| libbpf_log::explain(&error));
    }
    found.attach().map_err(|error| libbpf_log::explain(&error))
}

fn all(programs: &BTreeSet<&'static str>, why: &str) -> Refusals {
    programs.iter().map(|program| (*program, why.to_owned())).collect()
}
