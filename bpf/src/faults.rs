//! Kernels on which attaching to functions is known to hurt, recognised by the symbols that the fault or its fix leaves.
//! Consulted before anything is loaded; versions would not do, since distributions carry fixes back.

use std::{
    fs::File,
    io::{BufRead, BufReader},
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

/// Why function hooks must not be tried here, if so. A kernel whose symbols cannot be read is given the benefit of the doubt.
pub(crate) fn of_trampolines() -> Option<&'static str> {
    let mut seen = [false; FAULTS.len()];
    let mut lines = 0u32;
    for line in BufReader::new(File::open("/proc/kallsyms").ok()?).lines() {
        let line = line.ok()?;
        let symbol = line.split_ascii_whitespace().nth(2)?;
        lines += 1;
        if let Some(index) = FAULTS.iter().position(|fault| fault.symbol == symbol) {
            seen[index] = true;
        }
    }
    if lines == 0 {
        return None;
    }
    FAULTS
        .iter()
        .zip(seen)
        .find(|(fault, seen)| fault.present == *seen)
        .map(|(fault, _)| fault.what)
}
