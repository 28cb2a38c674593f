//! Loads programs of one object and attaches them, each by itself: one that fails takes no other with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    os::fd::AsRawFd as _,
};

use libbpf_rs::{Btf, Link, Object, ObjectBuilder, OpenObject, btf::types::Func};

use crate::{base::Base, libbpf_log, net::cgroup, object::SOURCES};

/// Functions that newer kernels call otherwise, with the same arguments: what a program's section says, and the new name.
const RENAMED: &[(&str, &str)] = &[("do_filp_open", "do_file_open") /* by 7.2 */];

/// Programs of one object, loaded and attached.
pub(crate) struct Loaded {
    pub source: &'static str,
    pub object: Object,
    /// By program; dropping a link detaches.
    pub links: BTreeMap<&'static str, Link>,
}

/// Why programs did not attach.
pub(crate) type Refusals = BTreeMap<&'static str, String>;

/// Loads and attaches `programs` of `source`. What the kernel lacks or refuses is in the refusals.
pub(crate) fn attach(
    base: &Base,
    source: &'static str,
    programs: &BTreeSet<&'static str>,
) -> (Option<Loaded>, Refusals) {
    let mut refusals = Refusals::new();
    let mut wanted = programs.clone();
    match missing(source, programs) {
        Ok(missing) => {
            for (program, function) in missing {
                wanted.remove(program);
                refusals.insert(program, format!("this kernel has no function {function}"));
            }
        }
        Err(why) => return (None, all(programs, &why)),
    }
    let object = match load(base, source, &wanted) {
        Ok(object) => object,
        Err(why) if wanted.len() <= 1 => {
            refusals.extend(all(&wanted, &why));
            return (None, refusals);
        }
        Err(_) => {
            // One of them fails: find out which by loading each alone.
            for program in wanted.clone() {
                if let Err(why) = load(base, source, &BTreeSet::from([program])) {
                    wanted.remove(program);
                    refusals.insert(program, why);
                }
            }
            match load(base, source, &wanted) {
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
    };
    for program in wanted {
        match link(&loaded.object, program) {
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
    let mut open = open(source)?;
    for mut program in open.progs_mut() {
        let wanted = programs.iter().any(|name| program.name() == *name);
        program.set_autoload(wanted);
        if let Some((old, new)) = RENAMED.iter().find(|(old, _)| wanted && hooks(program.section(), old))
            && !has_function(&kernel_types()?, old)
        {
            program
                .set_attach_target(0, Some((*new).to_owned()))
                .map_err(|error| format!("attaching to {new}: {error}"))?;
        }
    }
    base.share(&mut open)
        .map_err(|error| format!("sharing maps with {source}: {error}"))?;
    libbpf_log::clear();
    open.load().map_err(|error| libbpf_log::explain(&error))
}

/// Whether a program's section says that it hooks `function`.
fn hooks(section: &OsStr, function: &str) -> bool {
    matches!(section.to_str().and_then(|section| section.split_once('/')), Some(("fentry" | "fexit", hooked)) if hooked == function)
}

fn kernel_types() -> Result<Btf<'static>, String> {
    Btf::from_vmlinux().map_err(|error| format!("reading the kernel's BTF: {error}"))
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

/// Those of `programs` that hook a function which the kernel does not have, with its name.
fn missing(source: &str, programs: &BTreeSet<&'static str>) -> Result<Vec<(&'static str, String)>, String> {
    let open = open(source)?;
    let mut hooked = Vec::new();
    for program in programs {
        let section = open
            .progs()
            .find(|p| p.name() == *program)
            .map(|p| p.section().to_string_lossy().into_owned());
        match section {
            None => hooked.push((*program, None)),
            Some(section) => {
                if let Some(("fentry" | "fexit", function)) = section.split_once('/') {
                    hooked.push((*program, Some(function.to_owned())));
                }
            }
        }
    }
    if hooked.is_empty() {
        return Ok(Vec::new());
    }
    let types = kernel_types()?;
    let has = |function: &str| {
        let new = RENAMED.iter().find(|(old, _)| *old == function);
        has_function(&types, function) || new.is_some_and(|(_, new)| has_function(&types, new))
    };
    Ok(hooked
        .into_iter()
        .filter_map(|(program, function)| match function {
            None => Some((program, format!("for {program} on this architecture"))),
            Some(function) => (!has(&function)).then_some((program, function)),
        })
        .collect())
}

fn link(object: &Object, program: &str) -> Result<Link, String> {
    let found = object.progs_mut().find(|p| p.name() == program);
    libbpf_log::clear();
    let found = found.ok_or_else(|| format!("no program {program}"))?;
    if found.section().to_string_lossy().starts_with("cgroup_skb/") {
        let root = cgroup::root()?;
        return found
            .attach_cgroup(root.as_raw_fd())
            .map_err(|error| libbpf_log::explain(&error));
    }
    found.attach().map_err(|error| libbpf_log::explain(&error))
}

fn all(programs: &BTreeSet<&'static str>, why: &str) -> Refusals {
    programs.iter().map(|program| (*program, why.to_owned())).collect()
}
