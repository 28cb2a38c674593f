//! Runs the scenarios on this machine; also the test programs themselves (`scenario-runner act ...`).

use std::process::ExitCode;

fn main() -> ExitCode {
    vm_tests::runner::main()
}
