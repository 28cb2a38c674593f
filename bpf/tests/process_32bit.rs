//! The process sensor and the calls of 32-bit programs, which any 64-bit program can make by `int 0x80`.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod common;

use common::{Rig, everything};
use lapwing_bpf::Options;
use lapwing_engine::event::{Abi, Body, CredentialChange, Event, Flavour};
use rustix::{process::Uid, thread};

const EXECVE: i64 = 11;
const SETUID32: i64 = 213;
const SETRESUID32: i64 = 208;

/// A call as a 32-bit program makes it: a negative result is an errno. Pointers must lie below 4 GiB.
fn int80(number: i64, args: [i64; 3]) -> i32 {
    let answer: i64;
    let [b, c, d] = args;
    // SAFETY: the calls made here write no memory of ours; rbx is reserved by the compiler and restored.
    unsafe {
        std::arch::asm!("xchg rbx, {b:r}", "int 0x80", "xchg rbx, {b:r}", b = inout(reg) b => _,
            inlateout("rax") number => answer, in("rcx") c, in("rdx") d, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    answer as i32
}

/// Does `act` in a thread of its own as nobody who may become root again, and gives what was told of it.
fn told_of(act: impl FnOnce() + Send + 'static) -> Option<Vec<Event>> {
    let mut rig = Rig::open(&Options::default(), &everything());
    let worker = std::thread::spawn(|| {
        // A kernel without 32-bit calls ends the process or says ENOSYS.
        if int80(SETRESUID32, [-1, -1, -1]) == -libc::ENOSYS {
            return false;
        }
        thread::set_thread_res_uid(None::<Uid>, Uid::from_raw(65534), None::<Uid>).unwrap();
        act();
        true
    });
    if !worker.join().unwrap() {
        eprintln!("not tested: this kernel has no 32-bit calls");
        return None;
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    rig.drain();
    Some(rig.of(std::process::id()).into_iter().cloned().collect())
}

fn changes(events: &[Event]) -> Vec<(&Event, &CredentialChange)> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Credentials(change) => Some((event, &**change)),
            _ => None,
        })
        .collect()
}

#[test]
fn becoming_root_is_told_at_the_call() {
    let Some(events) = told_of(|| assert_eq!(int80(SETRESUID32, [-1, 0, -1]), 0)) else {
        return;
    };
    let changes = changes(&events);
    let [(event, change)] = changes[..] else {
        panic!("one change: {changes:#?}")
    };
    assert_eq!((change.before.euid, change.after.euid, change.errno), (65534, 0, 0));
    assert!(change.by_call, "a call did it, so it is not an exploit's mark");
    if event.header.flavour == Flavour::Syscall {
        let call = event.header.syscall.unwrap();
        assert_eq!((call.number, call.abi), (SETRESUID32 as i32, Abi::I386));
    }
}

#[test]
fn a_refusal_to_become_root_is_told() {
    let act = || {
        thread::set_thread_res_uid(Uid::from_raw(65534), Uid::from_raw(65534), Uid::from_raw(65534)).unwrap();
        assert_eq!(int80(SETUID32, [0, 0, 0]), -libc::EPERM);
        assert_eq!(
            int80(SETUID32, [1000, 0, 0]),
            -libc::EPERM,
            "refused too, but nobody asked for root"
        );
    };
    let Some(events) = told_of(act) else { return };
    let changes = changes(&events);
    let [(_, change)] = changes[..] else {
        panic!("one refusal: {changes:#?}")
    };
    assert_eq!((change.before.euid, change.errno), (65534, libc::EPERM));
}

#[test]
fn a_refused_exec_is_told() {
    let act = || {
        let name = c"/nowhere/32-bit";
        // SAFETY: a fresh page, long enough for the string, which the call only reads.
        let page = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
            let page = libc::mmap(
                std::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            );
            assert_ne!(page, libc::MAP_FAILED);
            std::ptr::copy_nonoverlapping(name.as_ptr(), page.cast(), name.count_bytes() + 1);
            page
        };
        assert_eq!(int80(EXECVE, [page as i64, 0, 0]), -libc::ENOENT);
    };
    let Some(events) = told_of(act) else { return };
    let failures: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            Body::ExecFailure(failure) => Some((failure.filename.get().unwrap().to_text(), failure.errno)),
            _ => None,
        })
        .collect();
    assert_eq!(failures, [("/nowhere/32-bit".to_owned(), libc::ENOENT)]);
}
