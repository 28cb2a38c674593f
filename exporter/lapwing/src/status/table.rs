//! The agent's answer, for people.

use std::fmt::Write;

use serde_json::Value;

use crate::alertmanager::rfc3339;

/// Lines that fit a terminal; `bold` for headings.
pub(super) fn render(status: &Value, bold: bool) -> String {
    let mut page = Page {
        text: String::new(),
        bold,
    };
    page.agent(status);
    page.hooks(&status["hooks"]);
    page.counts("Events", &status["events"], &["sensor", "kind"], "none yet");
    page.counts("Lost", &status["losses"], &["sensor", "stage"], "nothing");
    page.counts("Known in part", &status["incomplete"], &["reason"], "none");
    page.counts("Alerts", &status["alerts"], &["rule", "severity"], "none yet");
    page.network(status);
    page.outputs(&status["outputs"]);
    page.masks(&status["alertmanager"]);
    page.bounded(status);
    page.programs(&status["programs"]);
    page.text
}

struct Page {
    text: String,
    bold: bool,
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("?")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn mebibytes(value: &Value) -> f64 {
    number(value) as f64 / f64::from(1 << 20)
}

/// Writing to a String cannot fail.
macro_rules! line {
    ($page:expr, $($arg:tt)*) => {{ let _ = writeln!($page.text, $($arg)*); }};
}

impl Page {
    fn heading(&mut self, name: &str) {
        if self.bold {
            line!(self, "\n\x1b[1m{name}\x1b[0m");
        } else {
            line!(self, "\n{name}");
        }
    }

    fn agent(&mut self, status: &Value) {
        line!(
            self,
            "lapwing {} runs as process {}, profile {}",
            text(status, "version"),
            status["pid"],
            text(status, "profile")
        );
        match status["unready"].as_str() {
            None => line!(self, "ready"),
            Some(why) => line!(self, "NOT READY: {why}"),
        }
        let cost = &status["cost"];
        line!(
            self,
            "cost: {:.2} s of processor time, {:.1} MiB of memory, {:.1} MiB of BPF maps",
            cost["cpu_seconds"].as_f64().unwrap_or(0.0),
            mebibytes(&cost["resident_bytes"]),
            mebibytes(&status["map_memory"])
        );
        line!(self, "configuration: {}", text(status, "config_hash"));
        let unwatched = &status["unwatched"];
        if let Some(seconds) = unwatched["seconds"].as_f64() {
            let (end, until) = (text(unwatched, "end"), text(unwatched, "until"));
            let reboot = if unwatched["reboot"] == true {
                ", host restarted"
            } else {
                ""
            };
            line!(
                self,
                "not watched for {seconds:.1} s until {until} (end before: {end}{reboot})"
            );
        }
    }

    fn hooks(&mut self, hooks: &Value) {
        self.heading("Hooks");
        for hook in list(hooks) {
            let of = |key| text(hook, key);
            line!(
                self,
                "  {:<8} {:<28} {:<9} {}",
                of("sensor"),
                of("hook"),
                of("flavour"),
                of("state").replace('_', " ")
            );
        }
        line!(self, "  `lapwing probes` says why, and what is therefore not seen");
    }

    /// The entries of a list whose `count` is not 0.
    fn counts(&mut self, name: &str, entries: &Value, labels: &[&str], none: &str) {
        self.heading(name);
        let mut shown = false;
        for entry in list(entries).iter().filter(|entry| number(&entry["count"]) > 0) {
            let label: Vec<&str> = labels.iter().map(|label| text(entry, label)).collect();
            line!(self, "  {:<36} {:>12}", label.join(" "), number(&entry["count"]));
            shown = true;
        }
        if !shown {
            line!(self, "  {none}");
        }
    }

    /// What is read of connections; nothing where no network hook is attached.
    fn network(&mut self, status: &Value) {
        let attached = |hook: &&Value| text(hook, "sensor") == "network" && text(hook, "state") == "attached";
        let hooks: Vec<&Value> = list(&status["hooks"]).iter().filter(attached).collect();
        if hooks.is_empty() {
            return;
        }
        self.heading("Network");
        let of = |kind: &str, name: &str| {
            let pairs = list(&status["network"][kind]);
            pairs
                .iter()
                .find(|pair| pair[0] == name)
                .map_or(0, |pair| number(&pair[1]))
        };
        line!(
            self,
            "  HTTP: {} requests read, {} responses (only those that a rule may ask for)",
            of("messages", "request"),
            of("messages", "response")
        );
        line!(
            self,
            "  bytes: {} read, {} not copied since no rule reads them, {} missing, {} repeated, {} without room to keep",
            of("bytes", "read"),
            of("bytes", "not_copied"),
            of("bytes", "missing"),
            of("bytes", "repeated"),
            of("bytes", "not_kept")
        );
        match hooks.iter().any(|hook| text(hook, "hook") == "tls-library") {
            true => line!(
                self,
                "  TLS: {} libraries and programs probed",
                number(&status["network"]["tls_objects"])
            ),
            false => line!(self, "  TLS: not read"),
        }
    }

    fn outputs(&mut self, outputs: &Value) {
        self.heading("Outputs");
        for output in list(outputs) {
            let lost: u64 = output["lost"]
                .as_object()
                .into_iter()
                .flat_map(|lost| lost.values())
                .map(number)
                .sum();
            let of = |key| number(&output[key]);
            line!(
                self,
                "  {:<8} {} sent, {} of {} waiting, {lost} lost, {} errors",
                text(output, "name"),
                of("sent"),
                of("waiting"),
                of("capacity"),
                of("errors")
            );
        }
    }

    /// Silences; without an Alertmanager there is nothing to say.
    fn masks(&mut self, state: &Value) {
        if number(&state["peers"]) == 0 {
            return;
        }
        self.heading("Masks");
        let of = |key| number(&state[key]);
        let refused: u64 = state["refused"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.values())
            .map(number)
            .sum();
        line!(
            self,
            "  {} in force, {} to come, {refused} refused",
            of("active"),
            of("pending")
        );
        match (state["peer"].as_str(), state["last_success"].as_f64()) {
            (Some(peer), Some(time)) => {
                let time = rfc3339((time * 1e9) as i64);
                line!(self, "  read from {peer} at {time}");
            }
            _ => line!(self, "  no answer from Alertmanager since the agent started"),
        }
        if let Some(error) = state["error"].as_str() {
            line!(self, "  NOT READ at the last attempt: {}", error.escape_debug());
        }
        for silence in list(&state["refused_silences"]) {
            let of = |key| text(silence, key);
            line!(
                self,
                "  refused {}: {} {}",
                of("id").escape_debug(),
                of("reason"),
                of("detail")
            );
        }
    }

    fn bounded(&mut self, status: &Value) {
        self.heading("Queues and tables");
        for queue in list(&status["queues"]) {
            line!(
                self,
                "  {:<12} {} of {} waiting",
                text(queue, "name"),
                number(&queue["length"]),
                number(&queue["capacity"])
            );
        }
        for table in list(&status["tables"]) {
            let of = |key| number(&table[key]);
            line!(
                self,
                "  {:<12} {} of {}, {} evicted",
                text(table, "name"),
                of("entries"),
                of("capacity"),
                of("evicted")
            );
        }
        for table in list(&status["kernel_tables"]) {
            let of = |key| number(&table[key]);
            let name = text(table, "name");
            line!(
                self,
                "  {name:<18} {} of {} in the kernel",
                of("entries"),
                of("capacity")
            );
        }
        let of = |key| number(&status[key]);
        line!(
            self,
            "  {} late events, {} folded matches, {} own actions left out",
            of("late"),
            of("folded"),
            of("self_excluded")
        );
    }

    fn programs(&mut self, programs: &Value) {
        let run: Vec<&Value> = list(programs)
            .iter()
            .filter(|program| number(&program["runs"]) > 0)
            .collect();
        if run.is_empty() {
            return;
        }
        self.heading("BPF programs");
        for program in run {
            let (runs, time) = (number(&program["runs"]), number(&program["nanoseconds"]));
            line!(
                self,
                "  {:<28} {runs:>12} runs, {:>6} ns each",
                text(program, "name"),
                time / runs
            );
        }
    }
}
