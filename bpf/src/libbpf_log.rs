//! What libbpf says while it loads: kept, so that a refusal can be explained, and traced at debug level.

use std::sync::Mutex;

use libbpf_rs::PrintLevel;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// A verifier log can be huge; its end has the reason.
const KEPT: usize = 60;

/// Takes over libbpf's messages, which go to stderr otherwise.
pub(crate) fn capture() {
    libbpf_rs::set_print(Some((PrintLevel::Info, |_, text| keep(&text))));
}

/// Logs of programs that were loaded with [`STATISTICS`], since the last [`take_statistics`].
static LOGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The verifier's log level that gives its statistics and nothing else (BPF_LOG_STATS).
pub(crate) const STATISTICS: u32 = 4;

/// [`capture`], which also keeps the logs of what loaded well.
pub(crate) fn capture_statistics() {
    libbpf_rs::set_print(Some((PrintLevel::Debug, |level, text| {
        if text.contains("BEGIN PROG LOAD LOG") {
            let mut logs = LOGS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            logs.push(text.clone());
        }
        if level != PrintLevel::Debug {
            keep(&text);
        }
    })));
}

pub(crate) fn take_statistics() -> Vec<String> {
    std::mem::take(&mut *LOGS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

fn keep(text: &str) {
    let mut lines = LINES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        tracing::debug!(target: "libbpf", "{line}");
        lines.push(line.trim().to_owned());
    }
    let excess = lines.len().saturating_sub(KEPT);
    lines.drain(..excess);
}

pub(crate) fn clear() {
    LINES.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
}

/// The error with the verifier's last words, where there are any.
pub(crate) fn explain(error: &libbpf_rs::Error) -> String {
    let lines = LINES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let end = lines
        .iter()
        .rposition(|line| line.starts_with("processed ") || line.contains("END PROG LOAD LOG"));
    let reason = end.and_then(|end| {
        lines[..end]
            .iter()
            .rfind(|line| !line.starts_with("processed ") && !line.starts_with("--"))
    });
    match reason {
        Some(reason) if !reason.starts_with("libbpf: prog") => format!("{error}: {reason}"),
        _ if error.kind() == libbpf_rs::ErrorKind::PermissionDenied => format!(
            "the kernel does not permit loading it ({error}); the capabilities are there, so it is a policy: lockdown, or a kernel without BPF trampolines"
        ),
        _ => error.to_string(),
    }
}
