//! Connections without end.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Instant,
};

use crate::{
    agent::{Agent, QUIET},
    alone, counting, mine,
    root::skipped,
    servers::wait_until,
};

/// Where the client's ports would not suffice for one server.
const SERVERS: usize = 4;
/// Records of one connection with both ends here: opening; established and closed, of each end.
const RECORDS: u64 = 5;
/// For the agent as a whole, whatever comes.
const MEMORY: u64 = 160 << 20;

fn connections() -> u64 {
    let asked = std::env::var("LAPWING_HOSTILE_CONNECTIONS").ok();
    asked.map_or(4_000, |count| count.parse().unwrap())
}

/// Accepts and closes.
fn servers() -> Vec<SocketAddr> {
    let serve = |_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || listener.incoming().for_each(drop));
        address
    };
    (0..SERVERS).map(serve).collect()
}

#[test]
fn every_connection_of_a_flood_is_seen_or_counted_as_lost() {
    if skipped() {
        return;
    }
    let _alone = alone();
    let count = connections() / SERVERS as u64 * SERVERS as u64;
    let servers = servers();
    let ports = servers
        .iter()
        .map(|server| server.port().to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let when = format!("net.local.port in ({ports}) or net.peer.port in ({ports})");
    let rules: String = ["open", "established", "close"]
        .map(|event| counting(&format!("flood-{event}"), "tcp", event, &when))
        .concat();
    let agent = Agent::start(&format!("{QUIET}{}{rules}", mine("")));
    agent.fence("before");
    let matches = |event: &str| {
        let rule = format!("rule=\"flood-{event}\"");
        agent.metric("lapwing_rule_matches_total", &[&rule]) as u64
    };
    let stage = |labels: &[&str]| agent.metric("lapwing_events_lost_total", labels) as u64;
    let lost = || stage(&["sensor=\"network\""]);
    let skipped = || stage(&["sensor=\"network\"", "stage=\"recursion\""]);
    let before = (lost(), skipped());

    let start = Instant::now();
    thread::scope(|scope| {
        for server in &servers {
            scope.spawn(move || {
                for _ in 0..count / SERVERS as u64 {
                    TcpStream::connect(server).unwrap();
                }
            });
        }
    });
    let took = start.elapsed();

    let mut seen = [0; 3];
    let (made, most) = (RECORDS * count, [count, 2 * count, 2 * count]);
    // Ends of which the kernel runs no hook are told within a few walks of the agent, so every end of what was established is. What the kernel says
    // that it skipped may have been such an end: then it is told and counted.
    let mut forgotten = 0;
    wait_until(&format!("{RECORDS} records of each connection"), || {
        seen = ["open", "established", "close"].map(matches);
        let lost = lost() - before.0;
        forgotten = lost - (skipped() - before.1).min(lost);
        seen.iter().sum::<u64>() + lost >= made && seen[2] + forgotten >= seen[1]
    });
    agent.fence("after");
    seen = ["open", "established", "close"].map(matches);
    let (lost, skipped) = (lost() - before.0, skipped() - before.1);
    let late = agent.metric("lapwing_connections_ended_late_total", &[]);
    assert!(
        seen.iter().zip(most).all(|(seen, most)| *seen <= most),
        "{seen:?} of {most:?}"
    );
    assert!(
        seen.iter().sum::<u64>() + lost >= made && (lost > 0 || seen == most),
        "{seen:?} of {most:?} seen, {lost} counted as lost, {skipped} of them runs that were skipped, {late} ends told late"
    );
    let (resident, peak) = agent.memory();
    assert!(peak < MEMORY, "{peak} bytes of memory");
    println!(
        "{count} connections in {took:?}: {seen:?} records seen, {late} ends of them late, {lost} counted as lost; {} MiB resident, {} MiB at most",
        resident >> 20,
        peak >> 20
    );
}

#[test]
fn connections_past_the_tables_bound_are_forgotten_and_counted() {
    if skipped() {
        return;
    }
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let when = format!("net.local.port = {0} or net.peer.port = {0}", address.port());
    let rules = counting("held", "tcp", "established", &when);
    let agent = Agent::start(&format!("{QUIET}{}{rules}", mine("max_flows = 1024\n")));
    let held: Vec<_> = (0..2_000)
        .map(|_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap()))
        .collect();
    wait_until("4,000 ends", || {
        agent.metric("lapwing_rule_matches_total", &["rule=\"held\""])
            + agent.metric("lapwing_events_lost_total", &["sensor=\"network\""])
            >= 4_000.0
    });
    agent.fence("after");
    wait_until("the table to have forgotten the rest", || {
        let (entries, evicted) = (
            agent.metric("lapwing_table_entries", &["table=\"flows\""]),
            agent.metric("lapwing_table_evictions_total", &["table=\"flows\""]),
        );
        entries <= 1_024.0 && entries + evicted >= 4_000.0
    });
    let kernel = |family: &str| agent.metric(family, &["table=\"connections\""]);
    wait_until("the kernel's table to be counted", || {
        kernel("lapwing_kernel_table_entries") > 512.0
    });
    assert!(kernel("lapwing_kernel_table_entries") <= kernel("lapwing_kernel_table_capacity"));
    drop(held);
    agent.fence("end");
    assert!(agent.memory().1 < MEMORY);
}
