//! When a conversation begins anew, and when it is forgotten.

use lapwing_engine::{
    engine::{Engine, Settings},
    event::{BootTime, Direction, FlowChange, FlowKey, Way},
    spec::NetworkProtocol,
    synthetic::Synthetic,
};

use crate::{
    GET, LOCAL, OBJECT, OK, PEER, accepted, both,
    common::{Run, SECOND, shell},
    end, on_flow, rule, run, specs,
};

#[test]
fn a_freed_address_that_is_used_again_is_another_connection() {
    let mut events = shell();
    // Half a request is all that the first one carries; the next begins at the same address.
    events.tls(10, OBJECT, Way::Received, b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Len");
    end(&mut events);
    events.tls(10, OBJECT, Way::Received, GET);
    end(&mut events);
    // The same object in another process is another connection too.
    events.tls(10, OBJECT, Way::Received, &GET[..20]).fork(10, 11);
    events.tls(
        11,
        OBJECT,
        Way::Received,
        b"GET /other/../x HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert_eq!(run(both(), &mut events).len(), 2 + 2);
    // Its end is not told, but another TCP connection is below.
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, &GET[..20]);
    events.tls_with(10, OBJECT, Way::Received, GET, |tls| tls.flow = Some(FlowKey(2)));
    assert_eq!(run(both(), &mut events).len(), 2);
    // Nor that, but the process is another program.
    let mut events = shell();
    events
        .tls(10, OBJECT, Way::Received, &GET[..20])
        .exec(10, "/bin/curl", &["curl"]);
    events.tls(10, OBJECT, Way::Received, GET);
    assert_eq!(run(both(), &mut events).len(), 2);
}

/// What the engine holds after the events, and a while later.
fn held(events: &mut Synthetic) -> (u64, u64) {
    let mut run = Run::new(specs(both()));
    run.observe(&events.take());
    let flows = |engine: &Engine| {
        let tables = engine.tables();
        let flows = tables.iter().find(|table| table.name == "flows");
        flows.map_or(u64::MAX, |table| table.entries)
    };
    let before = flows(&run.engine);
    run.tick(BootTime(events.now().0 + 3 * SECOND));
    (before, flows(&run.engine))
}

#[test]
fn it_is_forgotten_with_the_object_the_process_or_the_connection_below() {
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, GET);
    assert_eq!(held(&mut events), (2, 2));
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, GET);
    end(&mut events);
    assert_eq!(held(&mut events), (1, 1));
    let mut events = shell();
    events.tls(10, OBJECT, Way::Received, GET).exit(10, 0);
    assert_eq!(held(&mut events), (0, 0));
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, GET);
    events.flow(10, FlowChange::Closed, Direction::Incoming, LOCAL, PEER, |_| {});
    assert_eq!(held(&mut events), (1, 0), "the library may still have something");
    // The end of what was never heard of leaves nothing.
    let mut events = shell();
    end(&mut events);
    assert_eq!(held(&mut events), (0, 0));
}

#[test]
fn what_the_library_still_had_when_the_connection_closed_is_read() {
    let response = rule("response", NetworkProtocol::Https, "http.response.body = \"hello\"");
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, GET);
    let (first, rest) = OK.split_at(20);
    on_flow(&mut events, Way::Sent, first);
    events.flow(10, FlowChange::Closed, Direction::Incoming, LOCAL, PEER, |_| {});
    on_flow(&mut events, Way::Sent, rest);
    let alerts = run(vec![response.clone()], &mut events);
    assert_eq!(alerts.len(), 1);
    // A body that the end of the connection ends.
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, GET);
    on_flow(&mut events, Way::Sent, b"HTTP/1.0 200 OK\r\n\r\nhello");
    events.flow(10, FlowChange::Closed, Direction::Incoming, LOCAL, PEER, |_| {});
    let mut run = Run::new(specs(vec![response]));
    assert!(run.observe(&events.take()).rules().is_empty());
    let alerts = run.tick(BootTime(events.now().0 + 3 * SECOND)).take();
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].partial.is_empty());
}

#[test]
fn the_table_is_bounded() {
    let mut specs = specs(both());
    specs.network_settings.max_flows = 50;
    let settings = Settings {
        network: specs.network_settings.clone(),
        ..Settings::default()
    };
    let mut run = Run::with(&specs, settings);
    let mut events = shell();
    for object in 0..1_000 {
        events.tls(10, object, Way::Received, &GET[..20]);
    }
    run.observe(&events.take());
    let tables = run.engine.tables();
    let flows = tables.iter().find(|table| table.name == "flows").expect("a table");
    assert_eq!((flows.entries, flows.evicted), (50, 950));
    // All of them end with their process, and give back what they hold.
    events.exit(10, 0);
    run.observe(&events.take());
    for name in ["flows", "conversations", "conversation_bytes"] {
        let tables = run.engine.tables();
        let table = tables.iter().find(|table| table.name == name).expect("a table");
        assert_eq!(table.entries, 0, "{name}");
    }
}
