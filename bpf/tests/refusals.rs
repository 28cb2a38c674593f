//! What the host refuses: each refusal is the next best way or one clear message, and leaves nothing attached.
//!
//! A child opens the sensors as the refusal leaves them to it, and tells; its mounts are its own, so that this machine keeps what it has.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests, too

mod common;

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use lapwing_bpf::{Options, Sensors, State};
use lapwing_engine::{
    event::{Access, Body, FileOp},
    interest::{Interest, NetworkInterest, WatchPoint},
};

/// All three sensors.
fn interest() -> Interest {
    let ops = [FileOp::Create, FileOp::Write, FileOp::Delete];
    Interest {
        watches: vec![WatchPoint {
            id: "refusals".into(),
            path: b"/opt".to_vec(),
            recursive: true,
            access: ops.into_iter().collect::<Access>(),
            success: true,
            failure: false,
        }],
        network: Some(NetworkInterest {
            https: true,
            ..common::net::network(true)
        }),
        ..common::everything()
    }
}

/// Not a test: opens the sensors for the tests below and says how it went.
#[test]
#[ignore = "run by the other tests"]
fn helper_open() {
    match Sensors::open(&Options::default(), &interest()) {
        Ok((mut sensors, mut reader)) => {
            println!("opened");
            for hook in sensors.hooks() {
                let (state, why) = match hook.state {
                    State::Refused { why } => ("refused", why),
                    State::Attached => ("attached", String::new()),
                    _ => ("other", String::new()),
                };
                println!("hook {} {state} [{why}] [{}]", hook.hook, hook.unseen);
            }
            sensors.exclude_self(0);
            println!("seeded {}", sensors.seed().is_ok_and(|events| !events.is_empty()));
            println!("exec seen {}", sees_exec(&mut reader));
        }
        Err(why) => println!("refused: {why}"),
    }
    println!("left {}", bpf_descriptors());
}

fn sees_exec(reader: &mut lapwing_bpf::Reader) -> bool {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut seen = false;
    while !seen && Instant::now() < deadline {
        reader.drain(10_000, &mut |event| {
            seen |= event.header.process.pid == pid && matches!(event.body, Body::Exec(_));
        });
        std::thread::sleep(Duration::from_millis(5));
    }
    seen
}

/// Programs, maps and links that this process still holds; without a holder the kernel drops them, for nothing is ever pinned. /proc may be gone.
fn bpf_descriptors() -> String {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return "unknown".into();
    };
    let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    let ours = links.filter(|to| to.to_string_lossy().starts_with("anon_inode:bpf"));
    ours.count().to_string()
}

/// One at a time: each loads everything.
static TURN: Mutex<()> = Mutex::new(());

/// What the helper says, when the shell has done `setup` in a mount namespace of its own and started it by `with` (words before a command).
fn told(setup: &str, with: &str) -> String {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let script = format!("set -e; {setup}\nexec {with} \"$@\" --exact helper_open --ignored --nocapture");
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("left "),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// One message, and nothing left.
fn refused(said: &str, wanted: &[&str]) {
    for part in [&["refused: "], wanted].concat() {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert!(said.contains("left 0\n") || said.contains("left unknown"), "{said}");
}

/// The sensors work: processes are told whatever else is refused.
fn opened(said: &str) {
    for part in ["opened\n", "exec seen true\n", "left 0\n"] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

/// Whether a hook works, in any flavour.
fn works(said: &str, hook: &str) -> bool {
    let start = format!("hook {hook} attached");
    said.lines().any(|line| line.starts_with(&start))
}

/// The lines about a hook.
fn about<'a>(said: &'a str, hook: &str) -> Vec<&'a str> {
    let start = format!("hook {hook} ");
    said.lines().filter(|line| line.starts_with(&start)).collect()
}

/// A copy of the kernel's types in which a name is another: as the kernel would be without what has the name.
fn types_without(name: &str) -> PathBuf {
    static DIRECTORY: OnceLock<tempfile::TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| tempfile::tempdir().unwrap()).path();
    let mut types = fs::read("/sys/kernel/btf/vmlinux").unwrap();
    let wanted = [b"\0", name.as_bytes(), b"\0"].concat();
    let at = types.windows(wanted.len()).position(|window| window == wanted);
    types[at.expect("the kernel has it") + 1] = b'~';
    let path = directory.join(name);
    fs::write(&path, types).unwrap();
    path
}

fn over_types(path: &Path) -> String {
    format!("mount --bind {} /sys/kernel/btf/vmlinux", path.display())
}

/// As root, whose capabilities are those of the bounding set.
fn only(capabilities: &str) -> String {
    format!("setpriv --bounding-set=-all{capabilities}")
}

#[test]
fn without_btf_it_says_so() {
    let said = told("mount -t tmpfs none /sys/kernel/btf", "");
    refused(
        &said,
        &[
            "this kernel has no BTF (/sys/kernel/btf/vmlinux: No such file",
            "CONFIG_DEBUG_INFO_BTF",
        ],
    );
}

#[test]
fn types_that_are_empty_or_something_else_are_none() {
    let said = told("mount --bind /dev/null /sys/kernel/btf/vmlinux", "");
    refused(&said, &["no BTF (/sys/kernel/btf/vmlinux is empty)"]);
    let said = told("mount --bind /proc/version /sys/kernel/btf/vmlinux", "");
    refused(
        &said,
        &["no BTF (/sys/kernel/btf/vmlinux is not what a kernel writes there)"],
    );
}

#[test]
fn without_proc_it_says_so() {
    let said = told("mount -t tmpfs none /proc", "");
    refused(&said, &["/proc is not mounted", "mount -t proc proc /proc"]);
}

#[test]
fn tracefs_debugfs_and_a_writable_sys_are_not_needed() {
    let said = told(
        "for place in /sys/kernel/tracing /sys/kernel/debug; do if test -d $place; then mount -t tmpfs none $place; fi; done\n\
         mount -o remount,bind,ro /sys",
        "",
    );
    opened(&said);
    for hook in [
        "file-open",
        "file-create",
        "network-flow",
        "network-owner",
        "network-payload",
    ] {
        assert!(works(&said, hook), "{hook}: {said}");
    }
}

#[test]
fn with_the_two_capabilities_of_bpf_all_but_payload_works_and_that_is_told() {
    let said = told("", &only(",+bpf,+perfmon"));
    opened(&said);
    assert!(said.contains("seeded true"), "{said}");
    for hook in [
        "file-open",
        "file-create",
        "network-flow",
        "network-ends",
        "network-owner",
    ] {
        assert!(works(&said, hook), "{hook}: {said}");
    }
    let payload = about(&said, "network-payload");
    assert!(
        payload
            .iter()
            .all(|line| line.contains("refused [lapwing has no CAP_NET_ADMIN")),
        "{payload:?}"
    );
    assert!(payload[0].contains("[the bytes that connections carry]"), "{payload:?}");
    let opens = about(&said, "file-open");
    assert!(
        opens.iter().any(|line| line.contains("without CAP_DAC_READ_SEARCH")),
        "{opens:?}"
    );
    let lifecycle = about(&said, "process-lifecycle");
    assert!(lifecycle[0].contains("without CAP_SYS_PTRACE"), "{lifecycle:?}");
    let tls = about(&said, "tls-library");
    assert!(
        works(&said, "tls-library") && tls[0].contains("without CAP_SYS_PTRACE"),
        "{tls:?}"
    );
}

#[test]
fn with_network_administration_too_payload_works() {
    let said = told("", &only(",+bpf,+perfmon,+net_admin"));
    opened(&said);
    assert!(works(&said, "network-payload"), "{said}");
}

/// As container runtimes do it.
#[test]
fn a_filter_on_the_bpf_call_is_told() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "helper_open", "--ignored", "--nocapture"]);
    // SAFETY: the child only makes one system call, on memory of its own.
    unsafe { command.pre_exec(refuse_bpf) };
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    refused(
        &said,
        &["the bpf() system call is refused (Operation not permitted", "seccomp"],
    );
}

/// A seccomp filter that answers EPERM to bpf().
fn refuse_bpf() -> std::io::Result<()> {
    let step = |code: u32, jt, jf, k: u32| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_bpf as u32),
        step(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
        ),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: the filter and its steps live until the call returns; the kernel copies them.
    match unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[test]
fn a_capability_less_than_needed_is_named() {
    let said = told("", &only(",+perfmon,+net_admin"));
    refused(&said, &["missing CAP_BPF: "]);
}

#[test]
fn without_a_mount_of_cgroup_2_it_looks_at_it_all_the_same_or_says_what_to_do() {
    // Nowhere in its own namespace; pid 1's must not be looked at, as in a container.
    let setup = "grep -w cgroup2 /proc/self/mounts | while read -r _ place _; do umount -l $place; done";
    let said = told(setup, "setpriv --bounding-set=-sys_ptrace");
    opened(&said);
    assert!(works(&said, "network-payload"), "{said}");

    let said = told(setup, &only(",+bpf,+perfmon,+net_admin"));
    opened(&said);
    let payload = about(&said, "network-payload");
    assert!(
        payload[0].contains("refused [cgroup v2 is not mounted, and lapwing may not mount it"),
        "{payload:?}"
    );
}

#[test]
fn a_part_of_cgroup_2_is_not_taken_for_the_whole() {
    let said = told("", "unshare --cgroup setpriv --bounding-set=-sys_ptrace");
    opened(&said);
    let payload = about(&said, "network-payload");
    assert!(
        payload[0].contains("refused [lapwing is in a cgroup namespace of its own"),
        "{payload:?}"
    );
}

#[test]
fn without_a_tracepoint_of_one_hook_the_others_work() {
    let types = types_without("btf_trace_inet_sock_set_state");
    let said = told(&over_types(&types), "");
    opened(&said);
    assert_eq!(
        about(&said, "network-flow"),
        [
            "hook network-flow refused [this kernel has no tracepoint inet_sock_set_state] \
          [TCP connections: who opens, accepts, refuses and closes them, and who listens]"
        ]
    );
    for hook in ["file-open", "file-create", "network-owner", "network-payload"] {
        assert!(works(&said, hook), "{hook}: {said}");
    }
}

#[test]
fn without_the_iterator_over_a_maps_entries_ends_without_a_hook_are_not_told() {
    let types = types_without("bpf_iter_bpf_map_elem");
    let said = told(&over_types(&types), "");
    opened(&said);
    let ends = about(&said, "network-ends");
    let start = "hook network-ends refused [this kernel has no iterator bpf_map_elem] [ends of connections at which the kernel runs no hook";
    assert!(ends.len() == 1 && ends[0].starts_with(start), "{ends:?}");
    for hook in ["network-flow", "network-owner", "network-payload"] {
        assert!(works(&said, hook), "{hook}: {said}");
    }
}

#[test]
fn without_the_tracepoint_of_system_calls_files_are_told_by_functions_or_not_at_all() {
    let types = types_without("btf_trace_sys_exit");
    let said = told(&over_types(&types), "");
    opened(&said);
    let opens = about(&said, "file-open");
    let told = works(&said, "file-open") || opens.iter().all(|line| line.contains("[opens: files created"));
    assert!(told && opens.len() == 2, "{opens:?}");
}

#[test]
fn without_the_tracepoint_of_exec_nothing_can_be_seen_and_it_says_which() {
    let types = types_without("btf_trace_sched_process_exec");
    let said = told(&over_types(&types), "");
    refused(
        &said,
        &[
            "this kernel has no tracepoint sched_process_exec",
            "no process is known",
            "report this",
        ],
    );
}
