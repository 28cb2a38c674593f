//! Kernels on which attaching to functions is known to hurt, recognised by the symbols that the fault or its fix leaves.
//! Consulted before anything is loaded; versions alone would not do, since distributions carry fixes back.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    sync::OnceLock,
};

/// A fault and its mark.
struct Fault {
    symbol: &'static str,
    /// The fault is there when the symbol is (true), or when it is not (false).
    present: bool,
    what: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault {
        symbol: "__bpf_tramp_image_put_rcu",
        present: false,
        what: "this kernel frees BPF trampolines while they run and can crash when a function hook is attached or detached \
               (fixed by Linux commit e21d2b92354b, see deepflow#9741)",
    },
    Fault {
        symbol: "tasks_rcu_exit_srcu",
        present: true,
        what: "this kernel can deadlock when function hooks are detached while a task exits \
               (fixed by Linux commit 1612160b9127, see datadog-agent#33704 and #33866)",
    },
];

/// Every kernel from here on has both fixes (the later is in Linux 6.9): its symbols, which are slow to print, are not read.
const FIXED: (u32, u32) = (6, 10);

/// Why function hooks must not be tried here, if so. A kernel whose symbols cannot be read is given the benefit of the doubt.
pub(crate) fn of_trampolines() -> Option<&'static str> {
    static FOUND: OnceLock<Option<&'static str>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let release = rustix::system::uname();
        match version(&release.release().to_string_lossy()) {
            Some(version) if version >= FIXED => None,
            _ => in_symbols(BufReader::new(File::open("/proc/kallsyms").ok()?)),
        }
    })
}

/// The first two numbers of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The same by the text of /proc/kallsyms: `ADDRESS TYPE SYMBOL` a line, `\t[MODULE]` behind some.
fn in_symbols(mut text: impl BufRead) -> Option<&'static str> {
    let mut seen = [false; FAULTS.len()];
    let mut line = Vec::new();
    let mut lines = 0u32;
    while text.read_until(b'\n', &mut line).ok()? > 0 {
        lines += 1;
        let symbol = line.split(|byte| byte.is_ascii_whitespace()).nth(2)?;
        if let Some(index) = FAULTS.iter().position(|fault| fault.symbol.as_bytes() == symbol) {
            seen[index] = true;
        }
        line.clear();
    }
    if lines == 0 {
        return None;
    }
    let mut faults = FAULTS.iter().zip(seen);
    faults
        .find(|(fault, seen)| fault.present == *seen)
        .map(|(fault, _)| fault.what)
}

#[cfg(test)]
mod tests {
    use super::{in_symbols, version};

    #[test]
    fn symbols_tell_the_faults() {
        let found = |text: &str| in_symbols(text.as_bytes());
        let fixed = "ffffffff81000000 t __bpf_tramp_image_put_rcu\n";
        assert_eq!(found(fixed), None);
        assert!(found("ffffffff81000000 T other\tx\n").unwrap().contains("trampolines"));
        let exits = format!("{fixed}ffffffff82000000 d tasks_rcu_exit_srcu\t[y]\n");
        assert!(found(&exits).unwrap().contains("deadlock"));
        assert_eq!(found(""), None);
    }

    #[test]
    fn a_release_begins_with_its_version() {
        assert_eq!(version("6.12.117+deb12-cloud-amd64"), Some((6, 12)));
        assert_eq!(version("7.2-rc1"), Some((7, 2)));
        assert_eq!(version("unknown"), None);
    }
}
