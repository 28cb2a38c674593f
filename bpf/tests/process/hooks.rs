//! Which hooks are attached, and whose acts they leave out.

use std::process::Command;

use lapwing_bpf::{Options, State};
use lapwing_engine::event::ExitReason;

use crate::{
    common::{Rig, everything},
    exit_of, rig, run,
};

#[test]
fn each_hook_is_attached_in_one_flavour() {
    let rig = rig();
    let hooks = rig.sensors.hooks();
    for name in ["process-lifecycle", "exec-failure", "credentials"] {
        let attached: Vec<_> = hooks
            .iter()
            .filter(|h| h.hook == name && h.state == State::Attached)
            .map(|h| h.flavour)
            .collect();
        assert_eq!(attached.len(), 1, "{name}: {hooks:#?}");
        println!("{name}: {}", format!("{:?}", attached[0]).to_lowercase());
        if let (Some(asked), true) = (crate::common::asked_flavour(), name != "process-lifecycle") {
            assert_eq!(attached[0], asked, "{name}: {hooks:#?}");
        }
    }
    for hook in hooks.iter().filter(|h| h.state != State::NotNeeded) {
        println!("{hook:?}");
    }
    assert!(rig.sensors.map_memory() > 1 << 20, "the rings alone take more");
    assert!(rig.sensors.programs().iter().any(|p| p.name == "lw_on_exec"));
}

#[test]
fn what_no_rule_needs_is_not_attached_until_one_does() {
    let mut interest = everything();
    interest.exec_failures = false;
    let mut rig = Rig::open(&Options::default(), &interest);
    let attached = |rig: &Rig| {
        rig.sensors
            .hooks()
            .iter()
            .any(|h| h.hook == "exec-failure" && h.state == State::Attached)
    };
    assert!(!attached(&rig));
    rig.sensors.apply(&everything()).unwrap();
    assert!(attached(&rig));
    rig.sensors.apply(&interest).unwrap();
    assert!(!attached(&rig));
}

#[test]
fn the_agents_own_actions_are_excluded_and_counted() {
    let mut rig = rig();
    let before = rig.lost_at("self");
    rig.sensors.exclude_self(std::process::id());
    let pid = run(&mut rig, &mut Command::new("/bin/true"));
    assert_eq!(rig.lost_at("self"), before + 1, "the fork");
    assert!(rig.of(std::process::id()).is_empty());
    assert_eq!(exit_of(&rig, pid), ExitReason::Code(0), "its child is another process");
}
