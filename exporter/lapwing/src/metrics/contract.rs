//! The metric contract: every family that `/metrics` shows.
//!
//! The encoder takes its descriptors from here and `docs/metrics.md` is generated from here (`UPDATE=1 cargo test --release -p lapwing --lib
//! metrics::document`); tests compare both. To add a metric: a line here, its encoding in `encode/`, and the page anew.

use super::family::{Definition, Family, Kind, Section, families};

families! {
    "Alerts" {
        ALERTS = Counter "lapwing_alerts" ["rule", "severity", "sensor"]
            "Alerts that were not masked; the exemplar (OpenMetrics) is the id of the last one"
            "Alert on increase(lapwing_alerts_total[5m]) > 0, or on lapwing_alerts_active. Starts at 0 with the agent for every series that a loaded rule can give, so the first alert is an increase.";
        ALERTS_MASKED = Counter "lapwing_alerts_masked" ["rule", "severity", "sensor"]
            "Alerts that a silence of Alertmanager masked; lapwing_alerts does not count them"
            "Look at what rises here before a silence is extended: it is what would have alerted.";
        ALERTS_ACTIVE = Gauge "lapwing_alerts_active" ["rule", "severity", "sensor"]
            "1 from an unmasked alert until metrics.active_for after its last match, repeats that are folded included; 0 as soon as a silence masks all of them; survives a restart of the agent"
            "The expression of the rules in alertmanager/: firing while something goes on, resolved when it has been quiet for metrics.active_for.";
        ALERT_LAST_TIMESTAMP = Gauge "lapwing_alert_last_timestamp_seconds" ["rule", "severity", "sensor"]
            "When the last unmasked match that alerts (or is folded into an alert) happened; 0 while there has been none; survives a restart of the agent"
            "time() - lapwing_alert_last_timestamp_seconds is how long it has been quiet, where the value is > 0.";
        ALERTS_FOLDED = Counter "lapwing_alerts_folded" []
            "Matches and score alerts that were counted in a summary instead of alerting each"
            "Many mean that one cause repeats: the summary's count says how often. score.fold_window and score.fold_after set the bounds.";
        ALERT_LATENCY = Histogram "lapwing_alert_latency_seconds" ["output"]
            "From the event in the kernel to its alert being written (json) or acknowledged by the collector (otlp); summaries, which wait for their window on purpose, are not in it"
            "histogram_quantile(0.99, sum by (le, output) (rate(lapwing_alert_latency_seconds_bucket[5m]))). The aim for json is under 0.025 in the median and under 0.1 in the 99th percentile.";
    }
    "Rules and scores" {
        RULE_MATCHES = Counter "lapwing_rule_matches" ["rule"]
            "Matches of each loaded rule; a match is not an alert"
            "A rule that matches often and alerts never is folded, masked or only scores.";
        RULE_SKIPPED = Counter "lapwing_rule_skipped" ["rule"]
            "Matches that skip_paths or skip_commands took back"
            "Shows what an exception hides. A rule where everything is skipped sees nothing.";
        RULE_MASKED = Counter "lapwing_rule_masked" ["rule"]
            "Matches that a silence masked: they add no points, and give no alert or one that is marked"
            "Also counts rules that only score, which lapwing_alerts_masked does not.";
        RULE_EVALUATION = Counter "lapwing_rule_evaluation_seconds" ["rule"]
            "Estimated time spent on evaluating rules: the 20 costliest, the rest as rule=\"other\"; every 61st event is timed and counted 61 times"
            "rate() of it is the share of one processor. A rule's series begins when it comes among the costliest; what it cost before stays in other, so no series ever falls.";
        RULES = Gauge "lapwing_rules_loaded" []
            "Rules loaded, disabled ones included"
            "Compare hosts: a change that nobody made is worth a look.";
        RULES_HASH = Info "lapwing_rules" ["hash"]
            "The rules in force, by a hash of their meaning"
            "count by (hash) (lapwing_rules_info) shows which hosts run the same rules.";
        SCORE_MAX = Gauge "lapwing_score_max" ["subject_kind"]
            "Points of the highest score now, by kind of subject; 0 when there is none"
            "A score that stays just below its threshold: look at what adds up with lapwing rules list and the alerts' score.";
    }
    "Silences" {
        ALERTMANAGERS = Gauge "lapwing_alertmanager_peers" []
            "Alertmanagers that are configured; 0 means that silences are not looked at"
            "Only where this is > 0 do the other metrics of silences say anything.";
        SILENCES = Gauge "lapwing_silences" ["state"]
            "Silences of Alertmanager as the agent holds them: active, pending, or refused since it cannot judge them faithfully"
            "state=\"refused\" masks nothing here, although Alertmanager mutes: see the reason.";
        SILENCES_REFUSED = Gauge "lapwing_silences_refused" ["reason"]
            "Silences that mask nothing here, by reason; only reasons that occur"
            "The reason says what to change in the silence, or which label to give in alertmanager.labels.";
        SILENCES_CRITICAL = Gauge "lapwing_silences_hiding_critical" []
            "Silences in force that cover critical alerts by their labels: Alertmanager mutes those, whether or not this agent masks them"
            "Alert on > 0: somebody made the worst invisible.";
        SILENCE_POLLS = Counter "lapwing_silence_polls" ["result"]
            "Attempts to read the silences from one of the Alertmanagers: success or failure"
            "Failures while another peer answers do no harm. When all fail, known silences hold until their end.";
        SILENCE_POLL_TIMESTAMP = Gauge "lapwing_silence_last_poll_timestamp_seconds" []
            "When the silences were read successfully for the last time; 0 while they never were"
            "Alert when time() - this is over a few poll intervals: new silences do not arrive.";
        SILENCE_POLL_SECONDS = Gauge "lapwing_silence_poll_duration_seconds" []
            "How long the last attempt to read the silences took"
            "Near alertmanager.timeout: the network or Alertmanager is slow.";
    }
    "Events and losses" {
        EVENTS = Counter "lapwing_events" ["sensor", "kind"]
            "Events that reached the engine"
            "The load. rate() by sensor shows what the rules make the kernel deliver.";
        EVENTS_LOST = Counter "lapwing_events_lost" ["sensor", "stage"]
            "Events that happened and were not judged, by the stage that lost them"
            "Alert on any increase. ring_full: raise agent.file_ring, lifecycle_ring or network_ring; busy: two of the kernel's hooks met; recursion: the kernel skipped a hook, which is the most that may have been lost by it, and where one program serves several sensors (system-call flavour) counts for each of them; decode: agent and probes do not fit together; no_memory: a kernel map is full; killed: a thread ended within a write by TLS, of which nobody knows how much went.";
        EVENTS_INCOMPLETE = Counter "lapwing_events_incomplete" ["reason"]
            "Events that were judged although something about them is not known"
            "process_unknown and exit_unseen grow with lost events; path_unresolved means that a path is as the program wrote it. stream_...: bytes of connections that were not seen, or not as the program got them; http_...: messages that are malformed or not whole, answers without their question, questions whose answer was not read. http2_unread and upgrade_unread: connections that went on in HTTP/2 or another protocol (WebSocket, CONNECT), which is not read. tls_unread: TLS connections in which nothing was HTTP/1 (another protocol, or HTTP/2 that began before the agent). tls_peer_unknown: TLS connections of which nothing told the ends. tls_untold: TLS connections of programs that ended before it was told how much had passed past the budget.";
        EVENTS_SELF = Counter "lapwing_events_self" []
            "Events excluded because the agent caused them itself"
            "Nothing to do; it makes the books balance.";
        UNWATCHED = Gauge "lapwing_unwatched_seconds" ["end", "reboot"]
            "How long nobody watched this host before the agent started, where it knows of an earlier run: since that was asked to end (end=\"clean\") or gave its last sign of life (end=\"killed\": at most 10 seconds more than it was); reboot says whether the host started anew in between"
            "end=\"killed\" with reboot=\"false\": somebody or something ended the agent. The record agent.unwatched in the outputs says from when until when.";
        ENDED_LATE = Counter "lapwing_connections_ended_late" []
            "Ends of connections that were told late, since the kernel ran no hook when they ended"
            "Nothing was lost: they are found by looking at all connections every two seconds, or when their socket's memory is used again, and are judged like others. When they ended is not known, and of some not how much they carried. Up to 11 in 10,000 under load are known of Linux 6.18.";
        EVENTS_LATE = Counter "lapwing_events_late" []
            "Events that were judged out of order, since they came later than the reorder window"
            "The machine is overloaded: the reader thread did not get a processor in time.";
    }
    "Sensors" {
        SENSOR_STATE = Gauge "lapwing_sensor_state" ["sensor", "state"]
            "1 for the state that the sensor is in: ok; degraded, a hook that the rules need could not be attached; silent, attached but shown not to deliver; off, no rule needs it"
            "Alert on degraded and silent: lapwing probes says why and what is not seen. How silence is found out is said at the top of this page.";
        SENSOR_FLAVOUR = Gauge "lapwing_sensor_flavour" ["sensor", "flavour"]
            "1 where at least one hook of the sensor is attached in that flavour"
            "flavour=\"syscall\" is the lesser one: io_uring and 32-bit calls may go unseen. A newer kernel, or one that permits trampolines, gives function.";
        SENSOR_HOOK = Gauge "lapwing_sensor_hook" ["sensor", "hook", "flavour", "state"]
            "Always 1: each hook in each flavour with its state (attached, not_needed, not_chosen, refused)"
            "Join it to lapwing_sensor_state to see which hook is missing.";
        BPF_RUNS = Counter "lapwing_bpf_program_runs" ["program"]
            "Runs of each BPF program; 0 unless agent.bpf_stats is on"
            "How often the kernel calls each probe.";
        BPF_SECONDS = Counter "lapwing_bpf_program_seconds" ["program"]
            "Time in each BPF program; 0 unless agent.bpf_stats is on"
            "rate() is the share of one processor that the observed programs pay; the statistics themselves add 45 to 60 ns to each run.";
        BPF_RECURSION = Counter "lapwing_bpf_program_recursion_misses" ["program"]
            "Runs that the kernel skipped since the program was running on that processor already"
            "Each may be an event that was not seen; lapwing_events_lost counts them too.";
        BPF_MEMORY = Gauge "lapwing_bpf_map_memory_bytes" []
            "Kernel memory of all BPF maps"
            "Mostly the rings: agent.lifecycle_ring, agent.file_ring and agent.network_ring.";
    }
    "Queues and tables" {
        QUEUE_LENGTH = Gauge "lapwing_queue_length" ["queue"]
            "Events waiting to be put in order"
            "Near its capacity: the engine does not keep up.";
        QUEUE_CAPACITY = Gauge "lapwing_queue_capacity" ["queue"]
            "Most events that can wait"
            "The bound of lapwing_queue_length.";
        TABLE_ENTRIES = Gauge "lapwing_table_entries" ["table"]
            "Entries of the engine's bounded tables"
            "Compare with lapwing_table_capacity.";
        TABLE_CAPACITY = Gauge "lapwing_table_capacity" ["table"]
            "Most entries of the engine's tables"
            "processes: process.max_processes. subjects: score.max_subjects for each kind.";
        KERNEL_TABLE_ENTRIES = Gauge "lapwing_kernel_table_entries" ["table"]
            "Entries of the tables that the probes keep in the kernel, counted every ten seconds"
            "At its capacity: the entry that was not used for longest gives way. connections: raise network.max_flows.";
        KERNEL_TABLE_CAPACITY = Gauge "lapwing_kernel_table_capacity" ["table"]
            "Most entries of the tables in the kernel"
            "connections: network.max_flows.";
        TABLE_EVICTIONS = Counter "lapwing_table_evictions" ["table"]
            "Entries pushed out of a full table"
            "processes: alerts may lack ancestors, raise process.max_processes. subjects: scores are forgotten early, raise score.max_subjects.";
    }
    "Network" {
        NETWORK_BYTES = Counter "lapwing_network_bytes" ["fate"]
            "Bytes of connections that the kernel passed on for rules to read: read in order, repeated by the sender, not_copied (no rule reads them), missing (lost on the way to the agent), or not_kept (of a body, since network.max_buffered was used up)"
            "rate() of fate=\"read\" is the load of the network rules. missing together with lapwing_events_lost_total{sensor=\"network\"} means that network_ring is too small.";
        NETWORK_MESSAGES = Counter "lapwing_network_messages" ["kind"]
            "HTTP requests and responses that were read, plain or from TLS libraries"
            "Requests without responses: the answers were lost, or servers do not answer.";
        TLS_OBJECTS = Gauge "lapwing_tls_objects" []
            "Files (libraries, programs) whose TLS functions are probed now"
            "0 with network.https on: no process maps a library that can be read.";
    }
    "Outputs" {
        OUTPUT_SENT = Counter "lapwing_output_sent" ["output"]
            "Alerts written, or acknowledged by the receiver"
            "Each alert offered to an output is sent, lost or waiting.";
        OUTPUT_LOST = Counter "lapwing_output_lost" ["output", "reason"]
            "Alerts that did not leave by this output"
            "Alert on any increase. queue_full: raise agent.alert_queue or mend the receiver; rejected and unconfirmed: the collector's log; write_error: disk or pipe; shutdown: the agent ended first.";
        OUTPUT_ERRORS = Counter "lapwing_output_errors" ["output"]
            "Attempts that failed; most are repeated"
            "Rises while a receiver is away; harmless until lapwing_output_lost rises.";
        OUTPUT_QUEUE_LENGTH = Gauge "lapwing_output_queue_length" ["output"]
            "Alerts waiting or on their way"
            "Grows while the receiver is slow or away.";
        OUTPUT_QUEUE_CAPACITY = Gauge "lapwing_output_queue_capacity" ["output"]
            "Most alerts that can wait"
            "agent.alert_queue.";
    }
    "Configuration" {
        CONFIG = Info "lapwing_config" ["hash", "profile"]
            "The configuration in force, by a hash of its meaning"
            "count by (hash) (lapwing_config_info) shows which hosts run the same configuration.";
        CONFIG_LOADED = Gauge "lapwing_config_load_timestamp_seconds" []
            "When the configuration in force was loaded"
            "Older than the last roll-out: the host missed it.";
        CONFIG_SUCCESSFUL = Gauge "lapwing_config_last_load_successful" []
            "1 if the last attempt to load succeeded"
            "Alert on 0: the agent runs on its old configuration and its log says what is wrong with the new one.";
        CONFIG_LOADS = Counter "lapwing_config_loads" []
            "Loads that succeeded, the first at the start included"
            "Reloads that nobody asked for are worth a look.";
        CONFIG_UNATTACHED = Gauge "lapwing_config_hooks_unattached" []
            "Hooks that the rules of the last load need and that could not be attached in any flavour"
            "Alert on > 0. After a reload a restart may help, since the agent has given up most capabilities: lapwing probes and the log say which hooks and why.";
        CONFIG_FAILURES = Counter "lapwing_config_load_failures" []
            "Loads that were refused; the old configuration stayed"
            "See lapwing_config_last_load_successful.";
    }
    "The endpoint" {
        HTTP_REQUESTS = Counter "lapwing_http_requests" ["code"]
            "Requests that were answered, by status, from 0"
            "code=\"401\" that grows: wrong passwords, or somebody guesses them. 503: more logins at once than are judged.";
        HTTP_HANDSHAKES_FAILED = Counter "lapwing_http_handshakes_failed" []
            "Connections that ended before their first request because TLS or the client's certificate did not work out"
            "The log says once a minute who and why.";
        WEB_CONFIG_READS = Counter "lapwing_web_config_reads" ["result"]
            "Changes of web_config_file or of the certificates it names: success (in force) or failure (the last good state stayed)"
            "A renewed certificate is a success.";
        WEB_CONFIG_SUCCESSFUL = Gauge "lapwing_web_config_last_read_successful" []
            "1 if what is on the disk is in force; always 1 without web_config_file"
            "Alert on 0: the agent serves with an old certificate or old users, and its log says what is wrong with the new ones.";
    }
    "The agent itself" {
        BUILD = Info "lapwing_build" ["version", "revision", "arch"]
            "What is running; revision is unknown where the build was not told"
            "count by (version) (lapwing_build_info) shows a roll-out.";
        LOG_LOST = Counter "lapwing_log_lines_lost" []
            "Lines of the agent's own log that nobody took in time"
            "Whatever reads the agent's standard error is stuck.";
        PROCESS_CPU = Counter "process_cpu_seconds" []
            "Processor time of the agent, user and kernel mode; without the probes, which run in the observed programs"
            "rate() is the share of one processor.";
        PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" []
            "Resident memory of the agent"
            "Bounded by the tables; steady growth is a fault.";
        PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" []
            "Virtual memory of the agent"
            "Mostly reserved and never touched: resident memory is what counts.";
        PROCESS_START = Gauge "process_start_time_seconds" []
            "When the agent started"
            "changes(process_start_time_seconds[1h]) counts restarts.";
        PROCESS_FDS = Gauge "process_open_fds" []
            "Open file descriptors"
            "Near process_max_fds the agent cannot take connections or open files.";
        PROCESS_MAX_FDS = Gauge "process_max_fds" []
            "Most file descriptors that it may open"
            "The limit of the service.";
        PROCESS_THREADS = Gauge "process_threads" []
            "Threads of the agent"
            "Steady growth is a fault.";
    }
}
