//! What the kernel's verifier has to do for each program: instructions walked through and time, from its own statistics.

use std::{collections::BTreeSet, os::fd::AsFd};

use libbpf_rs::{Object, ObjectBuilder, Program};

use crate::{
    base::Base,
    check, cost, libbpf_log,
    loader::{self, KernelTypes},
    object::{SOURCES, Source},
    options::Options,
    unavailable::Unavailable,
};

/// One program on this kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The file that it is in: `c/NAME.bpf.c`.
    pub object: &'static str,
    /// Its name there.
    pub program: String,
    /// Instructions that the verifier walked through; nothing for what was refused.
    pub instructions: Option<u64>,
    /// Microseconds that this took, where the kernel tells (its own measure: neither relocation nor compilation to machine code is in it).
    pub microseconds: Option<u64>,
    /// Why this kernel does not take it; empty when it does.
    pub refused: String,
}

/// Loads every program that there is, attaches none, and says what each cost the verifier.
///
/// # Errors
/// What this host lacks for loading anything. A program that is refused is no error: its entry says why.
pub fn verify(options: &Options) -> Result<Vec<Verified>, Unavailable> {
    check::host()?;
    libbpf_log::capture_statistics();
    let mut base = Base::load(options).map_err(Unavailable::maps)?;
    base.add_network(options).map_err(Unavailable::maps)?;
    base.add_tls(options).map_err(Unavailable::maps)?;
    let types = KernelTypes::default();
    let measured = SOURCES.iter().map(|source| object(&base, &types, source));
    Ok(measured
        .collect::<Result<Vec<_>, String>>()
        .map_err(|why| Unavailable::Maps { why })?
        .concat())
}

/// The programs of one object: together, or each alone when one of them fails.
fn object(base: &Base, types: &KernelTypes, source: &'static Source) -> Result<Vec<Verified>, String> {
    let open = ObjectBuilder::default()
        .open_memory(source.elf())
        .map_err(|error| format!("opening {}: {error}", source.name))?;
    let names: Vec<String> = open.progs().map(|p| p.name().to_string_lossy().into_owned()).collect();
    let mut left: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut results = Vec::new();
    let refused = |program: &str, refused: String| Verified {
        object: source.name,
        program: program.to_owned(),
        instructions: None,
        microseconds: None,
        refused,
    };
    for (program, what) in loader::missing(types, source.name, &left)? {
        left.remove(program);
        results.push(refused(program, format!("this kernel has no {what}")));
    }
    if left.is_empty() {
        return Ok(results);
    }
    libbpf_log::take_statistics();
    let mut counted = Vec::new();
    match loader::load_telling(base, types, source.name, &left) {
        Ok(loaded) => counted = counts(&loaded, &left),
        Err(_) => {
            libbpf_log::take_statistics();
            for program in left.clone() {
                let alone = BTreeSet::from([program]);
                match loader::load_telling(base, types, source.name, &alone) {
                    Ok(loaded) => counted.extend(counts(&loaded, &alone)),
                    Err(why) => {
                        left.remove(program);
                        results.push(refused(program, why));
                    }
                }
            }
        }
    }
    let logs: Vec<Statistics> = libbpf_log::take_statistics()
        .iter()
        .filter_map(|log| parse(log))
        .collect();
    results.extend(left.into_iter().map(|program| {
        let log = logs.iter().find(|log| log.program == program);
        let count = counted.iter().find(|(name, _)| name == program);
        Verified {
            instructions: count.map(|(_, n)| *n).or(log.map(|log| log.instructions)),
            microseconds: log.map(|log| log.microseconds),
            ..refused(program, String::new())
        }
    }));
    Ok(results)
}

/// What the kernel itself tells of each loaded program, which it does since 5.16: the log's lines are not the same in all kernels.
fn counts(loaded: &Object, programs: &BTreeSet<&str>) -> Vec<(String, u64)> {
    let count = |program: Program<'_>| {
        let name = programs.iter().find(|name| program.name() == **name)?;
        let count = cost::info(program.as_fd())?.verified_insns;
        (count > 0).then(|| ((*name).to_owned(), count.into()))
    };
    loaded.progs().filter_map(count).collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Statistics {
    program: String,
    instructions: u64,
    microseconds: u64,
}

/// libbpf's message with a load's log: `prog 'NAME': -- BEGIN PROG LOAD LOG --`, `verification time N usec`, `processed N insns (limit ...`.
/// In 7.2 a line of its own, `insns processed N+M+...`, by function, comes before the last.
fn parse(log: &str) -> Option<Statistics> {
    let after = |mark: &str| Some(&log[log.find(mark)? + mark.len()..]);
    let number = |mark: &str| after(mark)?.split(' ').next()?.parse().ok();
    Some(Statistics {
        program: after("prog '")?.split('\'').next()?.to_owned(),
        instructions: number("\nprocessed ")?,
        microseconds: number("verification time ")?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Statistics, parse};

    #[test]
    fn the_log_has_name_instructions_and_time() {
        for by_function in ["", "insns processed 5000+123\n"] {
            let log = format!(
                "libbpf: prog 'lw_x': -- BEGIN PROG LOAD LOG --\nverification time 1374 usec\nstack depth 136+0\n{by_function}processed 5123 insns \
                 (limit 1000000) max_states_per_insn 4 total_states 9 peak_states 9 mark_read 2\n-- END PROG LOAD LOG --\n"
            );
            let program = "lw_x".to_owned();
            assert_eq!(
                parse(&log),
                Some(Statistics {
                    program,
                    instructions: 5123,
                    microseconds: 1374
                })
            );
        }
        assert_eq!(parse("libbpf: prog 'lw_x': -- BEGIN PROG LOAD LOG --\nwhat\n"), None);
    }
}
