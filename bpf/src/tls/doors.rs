//! Where in a library the probes go.
//!
//! A probe replaces an instruction by a trap; what it replaced is then emulated by the kernel, when it is a push, a nop or a jump, or else
//! executed in a place of its own by single-stepping, which costs twice as much, and in some virtual machines forty times. So a little of the
//! function is read to find an instruction that is emulated, where arguments and stack are still as the caller left them.
//!
//! A return can only be probed while the return address is on top of the stack. Where a function begins with moving the stack (Debian's do) and
//! only hands its arguments on to an inner one, that is probed: it also serves the library's own users (BIO_f_ssl).

use super::{
    elf::{Elf, Source},
    instruction::{Kind, Register, STACK, decode},
};

/// One place to probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Door {
    /// Of the instruction, in the file.
    pub offset: u64,
    /// The program for its begin.
    pub program: &'static str,
    /// Whether its return matters, too.
    pub returns: bool,
    /// Whether the kernel emulates the instruction.
    pub cheap: bool,
}

/// A pair of functions, and the programs for the first, the second, and an inner one of the second that has one argument more before the last.
struct Pair {
    plain: (&'static str, &'static str),
    counting: (&'static str, &'static str),
    inner: &'static str,
}

const PAIRS: &[Pair] = &[
    Pair {
        plain: ("SSL_read", "lw_tls_read"),
        counting: ("SSL_read_ex", "lw_tls_read_ex"),
        inner: "lw_tls_read_ex",
    },
    Pair {
        plain: ("SSL_write", "lw_tls_write"),
        counting: ("SSL_write_ex", "lw_tls_write_ex"),
        inner: "lw_tls_write_ex2",
    },
];
const FREE: (&str, &str) = ("SSL_free", "lw_tls_free");
/// The program for returns.
pub(crate) const RETURN: &str = "lw_tls_done";
/// All programs.
pub(crate) const PROGRAMS: &[&str] = &[
    "lw_tls_read",
    "lw_tls_write",
    "lw_tls_read_ex",
    "lw_tls_write_ex",
    "lw_tls_write_ex2",
    "lw_tls_free",
    RETURN,
];

/// Bytes of a function that are read, and functions one behind the other.
const READ: usize = 96;
const DEPTH: usize = 3;

/// The registers of the first five arguments: rdi, rsi, rdx, rcx, r8.
const ARGUMENTS: [Register; 5] = [7, 6, 2, 1, 8];

/// Which argument of the outermost function each register holds.
type Holds = [Option<u8>; 16];

fn untouched() -> Holds {
    let mut holds = [None; 16];
    for (number, register) in (0..4).zip(ARGUMENTS) {
        holds[usize::from(register)] = Some(number);
    }
    holds
}

/// Whether the register that passes argument `place` holds argument `number`.
fn passes(holds: &Holds, place: usize, number: u8) -> bool {
    holds[usize::from(ARGUMENTS[place])] == Some(number)
}

/// What the begin of a function does.
#[derive(Default)]
struct Begin {
    /// The first emulated instruction with the stack untouched, and what the registers held.
    still: Option<(u64, Holds)>,
    /// The first one at all.
    emulated: Option<(u64, Holds)>,
    /// What it calls or jumps to first, and what the registers held.
    calls: Option<(u64, Holds)>,
    /// Whether that is all it does, whatever happens.
    only: bool,
}

/// Reads the begin of the function at `offset`, called with `holds`.
fn begin(elf: &Elf<'_, impl Source + ?Sized>, offset: u64, mut holds: Holds) -> Begin {
    let mut begin = Begin::default();
    let code = if cfg!(target_arch = "x86_64") {
        elf.code(offset, READ)
    } else {
        Vec::new()
    };
    let (mut at, mut moved, mut always) = (0, false, true);
    while let Some(found) = code.get(at..).and_then(decode) {
        let here = offset + at as u64;
        at += found.length;
        if found.kind.is_emulated() {
            begin.emulated.get_or_insert((here, holds));
            if !moved {
                begin.still.get_or_insert((here, holds));
            }
        }
        match found.kind {
            Kind::Push => moved = true,
            Kind::Nop => {}
            Kind::Pop(register) => (moved, holds[usize::from(register)]) = (true, None),
            Kind::Return => break,
            Kind::Branch => always = false,
            Kind::Writes(None) => {}
            Kind::Writes(Some(STACK)) | Kind::Copies { to: STACK, .. } => moved = true,
            Kind::Writes(Some(register)) => holds[usize::from(register)] = None,
            Kind::Copies { to, from } => holds[usize::from(to)] = holds[usize::from(from)],
            Kind::Call(distance) | Kind::Jump(distance) => {
                let target = (offset + at as u64).checked_add_signed(distance);
                begin.calls = target.map(|target| (target, holds));
                let jumps = matches!(found.kind, Kind::Jump(_));
                begin.only = always && (jumps || ends(&code[at..]));
                break;
            }
        }
    }
    begin
}

/// Whether a function that goes on like that returns without another call.
fn ends(mut code: &[u8]) -> bool {
    while let Some(found) = decode(code) {
        match found.kind {
            Kind::Return => return true,
            Kind::Call(_) | Kind::Jump(_) => return false,
            _ => code = &code[found.length..],
        }
    }
    false
}

/// The innermost function that the counting one at `offset` hands all its arguments on to and that has a cheap door, and what the registers hold
/// when it is called.
fn inner(elf: &Elf<'_, impl Source + ?Sized>, offset: u64) -> Option<(u64, Holds)> {
    let (mut found, mut at, mut holds) = (None, offset, untouched());
    for _ in 0..DEPTH {
        // Only what is called whatever happens, and alone: else it could be any function, of errors for one.
        let Begin {
            calls: Some((target, passed)),
            only: true,
            ..
        } = begin(elf, at, holds)
        else {
            break;
        };
        let counts = passes(&passed, 3, 3) || passes(&passed, 4, 3);
        if !counts || !(0..3).all(|number| passes(&passed, number.into(), number)) {
            break;
        }
        (at, holds) = (target, passed);
        if door(elf, target, passed, "").cheap {
            found = Some((target, passed));
        }
    }
    found
}

/// The door of a function that is called with `holds`: at a cheap instruction, else at its entry.
fn door(elf: &Elf<'_, impl Source + ?Sized>, offset: u64, holds: Holds, program: &'static str) -> Door {
    let still = begin(elf, offset, holds).still;
    let cheap =
        still.filter(|(_, now)| (0..16).all(|register| holds[register].is_none() || now[register] == holds[register]));
    Door {
        offset: cheap.map_or(offset, |(at, _)| at),
        program,
        returns: true,
        cheap: cheap.is_some(),
    }
}

fn pair(elf: &Elf<'_, impl Source + ?Sized>, pair: &Pair) -> Vec<Door> {
    let (plain, counting) = (elf.function(pair.plain.0), elf.function(pair.counting.0));
    let inner = counting.and_then(|counting| inner(elf, counting));
    let mut doors = Vec::new();
    if let Some((target, holds)) = inner {
        let program = if passes(&holds, 3, 3) {
            pair.counting.1
        } else {
            pair.inner
        };
        doors.push(door(elf, target, holds, program));
    } else if let Some(offset) = counting {
        doors.push(door(elf, offset, untouched(), pair.counting.1));
    }
    if let Some(offset) = plain {
        let calls = begin(elf, offset, untouched()).calls.map(|(target, _)| target);
        if inner.is_none_or(|(target, _)| calls != Some(target)) {
            doors.push(door(elf, offset, untouched(), pair.plain.1));
        }
    }
    doors
}

/// The doors of a TLS library; none when it is none: it reads, writes and frees connections.
pub(crate) fn doors(elf: &Elf<'_, impl Source + ?Sized>) -> Vec<Door> {
    let Some(free) = elf.function(FREE.0) else {
        return Vec::new();
    };
    let mut doors: Vec<_> = PAIRS.iter().flat_map(|functions| pair(elf, functions)).collect();
    if doors.is_empty() {
        return doors;
    }
    let emulated = begin(elf, free, untouched())
        .emulated
        .filter(|(_, holds)| passes(holds, 0, 0));
    doors.push(Door {
        offset: emulated.map_or(free, |(at, _)| at),
        program: FREE.1,
        returns: false,
        cheap: emulated.is_some(),
    });
    doors
}

#[cfg(test)]
mod tests {
    use std::{fs::File, path::Path};

    use super::*;

    fn of(path: &str) -> Vec<Door> {
        let file = File::open(Path::new(path)).unwrap();
        doors(&Elf::parse(&file).unwrap())
    }

    #[test]
    fn the_host_s_library_is_probed_where_it_is_cheap() {
        let maps = std::process::Command::new("ldconfig")
            .arg("-p")
            .output()
            .unwrap()
            .stdout;
        let maps = String::from_utf8(maps).unwrap();
        let library = maps.lines().find(|line| line.contains("libssl.so.")).unwrap();
        let found = of(library.split_whitespace().last().unwrap());
        assert!((3..=5).contains(&found.len()), "{found:#?}");
        if cfg!(target_arch = "x86_64") {
            assert!(found.iter().all(|door| door.cheap), "{found:#?}");
        }
    }

    #[test]
    fn a_program_without_them_has_none() {
        assert_eq!(of("/proc/self/exe"), []);
        assert_eq!(of("/bin/sh"), []);
    }
}
