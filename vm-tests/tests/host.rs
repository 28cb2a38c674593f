//! The scenarios on this machine. Not libtest's harness: they share agents and run one after the other.

use std::process::ExitCode;

fn main() -> ExitCode {
    vm_tests::runner::main()
}
