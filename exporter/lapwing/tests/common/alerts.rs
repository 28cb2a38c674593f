//! An alert with every field set to something of its own.

use lapwing_engine::{
    alert::{
        ActionResult, Alert, ContainerView, Contribution, FileView, HttpView, NamespacesView, NetworkView, ProcessView,
        ScoreView,
    },
    event::{BootTime, Direction, ProcessKey, Sensor},
    spec::Severity,
};

fn process(pid: u32, name: &str, executable: &str) -> ProcessView {
    ProcessView {
        pid,
        key: ProcessKey {
            pid,
            start: u64::from(pid) * 1_000_000_000,
        },
        name: name.into(),
        executable: Some(executable.into()),
        args: Some(vec![name.into(), "--token=***".into(), "a \"quoted\"\nline".into()]),
        cwd: Some("/root".into()),
        tty: Some("pts3".into()),
        uid: Some(1000),
        gid: Some(1001),
        euid: Some(0),
        loginuid: Some(1002),
        capabilities: vec!["CAP_CHOWN".into(), "CAP_KILL".into()],
        cgroup: Some("/user.slice".into()),
        namespaces: Some(NamespacesView {
            pid: 1,
            mnt: 2,
            net: 3,
            user: 4,
        }),
        exit_code: Some(3),
        exit_signal: Some("SIGSEGV".into()),
    }
}

/// Number `number` of a series; its id is `id-NUMBER`.
pub fn alert(number: u64) -> Alert {
    Alert {
        time: boot_time(),
        id: format!("id-{number}"),
        rule: "etc".into(),
        ruleset: "default".into(),
        severity: Severity::High,
        sensor: Sensor::File,
        event: "file.write",
        result: ActionResult::Failure,
        errno: Some("EACCES".into()),
        message: format!("bash (200) could not write /etc/passwd [{number}]"),
        tags: vec!["T1098".into(), "integrity".into()],
        count: 1,
        objects: Some(2),
        process: Some(process(200, "bash", "/usr/bin/bash")),
        lineage: vec![
            process(100, "sshd", "/usr/sbin/sshd"),
            process(1, "systemd", "/usr/lib/systemd/systemd"),
        ],
        file: Some(FileView {
            path: "/etc/passwd".into(),
            target: Some("/etc/passwd-".into()),
            key: Some("2049:77:1".into()),
            mode: Some("0644".into()),
            owner: Some("0:0".into()),
            flags: vec!["O_WRONLY", "O_CREAT"],
        }),
        network: Some(NetworkView {
            direction: Direction::Incoming,
            local: Some("192.0.2.1:80".into()),
            peer: Some("[2001:db8::7]:40000".into()),
            namespace: Some(4_026_531_840),
            tls: true,
            bytes_sent: Some(5),
            bytes_received: Some(6),
            retransmits: Some(1),
            duration: Some(0.5),
            excerpt: Some("a body".into()),
        }),
        http: Some(HttpView {
            request: Some("GET /a?token=[redacted] HTTP/1.1".into()),
            method: Some("GET".into()),
            host: Some("example.org".into()),
            path: Some("/a".into()),
            query: Some("token=[redacted]".into()),
            version: Some("1.1".into()),
            headers: vec!["User-Agent: curl/8".into()],
            body_bytes: Some(0),
            status: Some(404),
            response_headers: vec!["Server: x".into()],
            response_body_bytes: Some(7),
            oddities: vec!["header-folding"],
        }),
        container: Some(ContainerView {
            id: "0123456789abcdef".repeat(4),
        }),
        score: Some(ScoreView {
            subject_kind: "lineage",
            subject: "sshd[100]".into(),
            points: 60.5,
            threshold: 100,
            contributions: vec![Contribution {
                rule: "etc".into(),
                points: 60,
                alert: Some(format!("id-{number}")),
                seconds_ago: 0.5,
                object: "/etc/passwd".into(),
            }],
        }),
        partial: vec!["fd.name"],
        masked: None,
    }
}

/// Now, by the clock that alerts carry.
fn boot_time() -> BootTime {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    BootTime(now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned())
}
