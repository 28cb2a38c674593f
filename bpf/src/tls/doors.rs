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

/// Functions that do the same: the one that returns how many bytes went, the one that writes it to where its last argument says, and one that has
/// an argument more before that. Each with its program; `wider` has the program for inner functions like the last, too.
struct Pair {
    plain: (&'static str, &'static str),
    counting: (&'static str, &'static str),
    /// Exported by OpenSSL 3.3 and newer, where the counting one only calls it.
    wider: (Option<&'static str>, &'static str),
}

const PAIRS: &[Pair] = &[
    Pair {
        plain: ("SSL_read", "lw_tls_read"),
        counting: ("SSL_read_ex", "lw_tls_read_ex"),
        wider: (None, "lw_tls_read_ex"),
    },
    Pair {
        plain: ("SSL_write", "lw_tls_write"),
        counting: ("SSL_write_ex", "lw_tls_write_ex"),
        wider: (Some("SSL_write_ex2"), "lw_tls_write_ex2"),
    },
];
const FREE: (&str, &str) = ("SSL_free", "lw_tls_free");
/// The program for returns.
pub(crate) const RETURN: &str = "lw_tls_done";
/// The program for ends of threads.
pub(crate) const EXIT: &str = "lw_tls_exit";
/// All programs.
pub(crate) const PROGRAMS: &[&str] = &[
    "lw_tls_read",
    "lw_tls_write",
    "lw_tls_read_ex",
    "lw_tls_write_ex",
    "lw_tls_write_ex2",
    "lw_tls_free",
    RETURN,
    EXIT,
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

/// As for the outermost function, when the last argument is one place further.
fn untouched_but_wider() -> Holds {
    let mut holds = untouched();
    holds[usize::from(ARGUMENTS[3])] = None;
    holds[usize::from(ARGUMENTS[4])] = Some(3);
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

/// The innermost function that the one at `offset` hands all its arguments on to and that has a cheap door, and what the registers hold when it is
/// called.
fn inner(elf: &Elf<'_, impl Source + ?Sized>, offset: u64, mut holds: Holds) -> Option<(u64, Holds)> {
    let (mut found, mut at) = (None, offset);
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

/// Whether the function at `offset` does nothing but call, by the table of what the linker found, another exported one.
fn is_linked(elf: &Elf<'_, impl Source + ?Sized>, offset: u64) -> bool {
    let Begin {
        calls: Some((target, _)),
        only: true,
        ..
    } = begin(elf, offset, untouched())
    else {
        return false;
    };
    let code = elf.code(target, 16);
    let code = code.strip_prefix(&[0xf3, 0x0f, 0x1e, 0xfa][..]).unwrap_or(&code); // endbr64
    let code = code.strip_prefix(&[0xf2][..]).unwrap_or(code); // bnd
    code.starts_with(&[0xff, 0x25]) // jmp *there(%rip)
}

/// The doors of the counting functions, with what each is a door of.
fn counting(elf: &Elf<'_, impl Source + ?Sized>, pair: &Pair) -> Vec<(u64, Door)> {
    let wider = pair.wider.0.and_then(|name| elf.function(name));
    let counting = elf
        .function(pair.counting.0)
        .filter(|offset| wider.is_none() || !is_linked(elf, *offset));
    let all = [
        counting.map(|offset| (offset, untouched())),
        wider.map(|offset| (offset, untouched_but_wider())),
    ];
    let mut doors: Vec<(u64, Door)> = Vec::new();
    for (offset, holds) in all.into_iter().flatten() {
        let (target, holds) = inner(elf, offset, holds).unwrap_or((offset, holds));
        let program = match passes(&holds, 3, 3) {
            true => pair.counting.1,
            false => pair.wider.1,
        };
        if doors.iter().all(|(other, _)| *other != target) {
            doors.push((target, door(elf, target, holds, program)));
        }
    }
    doors
}

fn pair(elf: &Elf<'_, impl Source + ?Sized>, pair: &Pair) -> Vec<Door> {
    let counting = counting(elf, pair);
    let plain = elf.function(pair.plain.0).filter(|offset| {
        let calls = begin(elf, *offset, untouched()).calls.map(|(target, _)| target);
        counting.iter().all(|(target, _)| calls != Some(*target))
    });
    let plain = plain.map(|offset| door(elf, offset, untouched(), pair.plain.1));
    counting.into_iter().map(|(_, door)| door).chain(plain).collect()
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

    /// Debian's of other releases, where they can be had: see `scripts/tls-libraries.sh`.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn other_libraries_are_probed_where_it_is_cheap() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let home = root.join("target/tls-libraries");
        let script = root.join("scripts/tls-libraries.sh");
        let done = std::process::Command::new(script).arg(&home).status().unwrap();
        assert!(done.success(), "scripts/tls-libraries.sh: {done}");
        let lib = "usr/lib/x86_64-linux-gnu";
        let libraries = [
            ("openssl-1.1", format!("{lib}/libssl.so.1.1")),
            ("openssl-3.5", format!("{lib}/libssl.so.3")),
            ("boringssl", format!("{lib}/android/libssl.so.0")),
        ];
        for (name, file) in libraries {
            let file = home.join(name).join(file);
            if !file.exists() {
                println!("NOT TESTED: {name} is not to be had here");
                continue;
            }
            let found = of(file.to_str().unwrap());
            // One to read by, one to write by, one to end by.
            assert_eq!(found.len(), 3, "{name}: {found:#?}");
            assert!(found.iter().all(|door| door.cheap), "{name}: {found:#?}");
        }
    }

    #[test]
    fn a_program_without_them_has_none() {
        assert_eq!(of("/proc/self/exe"), []);
        assert_eq!(of("/bin/sh"), []);
    }
}
