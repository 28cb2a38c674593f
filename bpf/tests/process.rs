//! The process sensor on the real kernel: a real program does the thing, the event must tell it.

mod common;

use common::{Rig, everything};
use lapwing_bpf::{Options, State};

#[test]
fn what_attaches_says_so() {
    let rig = Rig::open(&Options::default(), &everything());
    let hooks = rig.sensors.hooks();
    for hook in &hooks {
        println!("{hook:?}");
    }
    for name in ["process-lifecycle", "exec-failure", "credentials"] {
        assert_eq!(hooks.iter().filter(|h| h.hook == name && h.state == State::Attached).count(), 1, "{name}: {hooks:#?}");
    }
}
