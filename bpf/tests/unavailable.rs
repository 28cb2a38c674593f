//! Where nothing can be seen, the reason is said.
#![allow(clippy::unwrap_used)] // helpers of tests, too

use std::{os::unix::fs::PermissionsExt, os::unix::process::CommandExt, process::Command};

use lapwing_bpf::{Options, Sensors};
use lapwing_engine::interest::Interest;

/// Not a test: opens the sensors for the tests below and says how it went.
#[test]
#[ignore = "run by the other tests"]
fn helper_open() {
    match Sensors::open(&Options::default(), &Interest::default()) {
        Ok(_) => println!("opened"),
        Err(why) => println!("refused: {why}"),
    }
}

fn opened_by(command: &mut Command) -> String {
    let output = command
        .args(["--exact", "helper_open", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A copy that everybody may run. `cp` makes it: were it open for writing here, a test that forks meanwhile would hand that
/// descriptor to its child, and the copy could not be run until the child has called exec (ETXTBSY).
fn this_test() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = directory.path().join("test");
    let copied = Command::new("cp")
        .arg(std::env::current_exe().unwrap())
        .arg(&copy)
        .status();
    assert!(copied.unwrap().success());
    (directory, copy)
}

#[test]
fn without_capabilities_it_names_them() {
    let (_directory, test) = this_test();
    let said = opened_by(Command::new(test).uid(65534).gid(65534));
    assert!(said.contains("refused: missing CAP_BPF, CAP_PERFMON"), "{said}");
    assert!(said.contains("as root"), "{said}");
}

#[test]
fn in_another_pid_namespace_it_says_what_to_do() {
    let (_directory, test) = this_test();
    let said = opened_by(
        Command::new("unshare")
            .args(["--pid", "--fork", "--mount-proc"])
            .arg(test),
    );
    assert!(
        said.contains("refused: lapwing is not in the host's PID namespace"),
        "{said}"
    );
}

#[test]
fn as_root_on_the_host_it_opens() {
    let (_directory, test) = this_test();
    let said = opened_by(&mut Command::new(test));
    assert!(said.contains("opened"), "{said}");
}
