//! Mistakes in settings.

use crate::problems::{check, problems};

#[test]
fn names_of_settings() {
    check(&[
        (
            "[score]\ntreshold = 5",
            &["f:2:1: unknown key treshold in [score]; did you mean threshold?"],
        ),
        (
            "[scoer]\nthreshold = 5",
            &["f:1:2: unknown key or section scoer; did you mean score?"],
        ),
        (
            "[process]\nrules = 1",
            &["f:2:1: unknown key rules in [process]; did you mean rule?"],
        ),
        (
            "colour = 1",
            &[
                "f:1:1: unknown key or section colour; known: config_version, defaults, profile, agent, log, metrics, otlp, json, \
               alertmanager, score, process, file, network, override",
            ],
        ),
        (
            "score = 5",
            &["f:1:1: score must be a section, not an integer; write [score]"],
        ),
        (
            "[[json]]\npath = '-'",
            &["f:1:3: json must be a section, not a list; write [json]"],
        ),
    ]);
}

#[test]
fn values_of_settings() {
    check(&[
        (
            "[score]\nthreshold = 0\nhalf_life = \"10\"\nfold_window=5\nmax_subjects = 'x'",
            &[
                "f:2:13: threshold must be a whole number from 1 to 1000000, not 0; write a value in that range",
                "f:3:13: half_life: \"10\" is not a duration; write for example \"30s\", \"10m\" or \"1h30m\"",
                "f:4:13: fold_window must be a duration, not an integer; write fold_window = \"10m\"",
                "f:5:16: max_subjects must be an integer, not a string; write max_subjects = 100",
            ],
        ),
        (
            "[agent]\nfile_ring = \"10MiB\"\nsocket = \"lapwing\"\nbpf_stats = \"yes\"",
            &[
                "f:2:13: file_ring must be a power of two from 64KiB to 1GiB, not \"10MiB\"; write for example \"16MiB\"",
                "f:3:10: socket must be an absolute path, not \"lapwing\"; begin it with /",
                "f:4:13: bpf_stats must be true or false, not a string; write bpf_stats = true",
            ],
        ),
        (
            "[otlp]\nendpoint = \"127.0.0.1:4317\"\nprotocol = \"http\"\nheaders = { \"a b\" = \"c\" }\ntimeout = \"10ms\"",
            &[
                "f:2:12: endpoint must be an http or https URL, not \"127.0.0.1:4317\"; write for example \"http://127.0.0.1:4317\"",
                "f:3:12: protocol cannot be \"http\"; write one of \"grpc\", \"http/protobuf\"",
                "f:4:11: \"a b\" is not the name of a header; use letters, digits and -",
                "f:5:11: timeout must be from 100ms to 1h, not \"10ms\"; write a value in that range",
            ],
        ),
        (
            "[otlp]\nendpoint = 'http://127.0.0.1:4317/logs'",
            &[
                "f:2:12: endpoint \"http://127.0.0.1:4317/logs\" has a path, which gRPC does not know (protocol = \"http/protobuf\" does); \
               write for example \"http://127.0.0.1:4317\"",
            ],
        ),
        (
            "[otlp]\nendpoint = 'http://127.0.0.1:4317'\nheaders = { te = 'x' }",
            &["f:3:11: headers: \"te\" is set by the protocol itself; remove it"],
        ),
        // The value of a header may be a credential: it is not shown.
        (
            "otlp.headers = { a = \"se\\ncret\" }",
            &["f:1:16: the value of header a has characters that no header may have"],
        ),
        (
            "[log]\nlevel = \"inof\"\nformat = \"jsn\"",
            &[
                "f:2:9: level must be a level or directives, not \"inof\"; write error, warn, info, debug, trace or off, or for \
                 example \"info,lapwing=debug\"",
                "f:3:10: format cannot be \"jsn\"; did you mean \"json\"? (one of \"auto\", \"text\", \"json\")",
            ],
        ),
        (
            "[metrics]\nlisten = \"localhost:19754\"",
            &[
                "f:2:10: listen must be an IP address and a port, not \"localhost:19754\"; write for example \"127.0.0.1:19754\"",
            ],
        ),
        (
            "[metrics]\nlisten = \"0.0.0.0:19754\"",
            &[
                "f:2:10: listen = \"0.0.0.0:19754\" is reachable from other hosts, without encryption or authentication; write \
               \"127.0.0.1:19754\", or a web_config_file with TLS and users (docs/endpoint.md), or insecure = true in [metrics] to allow it",
            ],
        ),
        ("[metrics]\nlisten = \"[::]:19754\"\ninsecure = true", &[]),
        ("[network]\nenabled = true", &[]),
        ("[network]\nhttps = \"on\"", &[]),
        (
            "[network]\nhttps = \"yes\"",
            &["f:2:9: https cannot be \"yes\"; write one of \"off\", \"on\""],
        ),
        (
            "[network]\nmode = \"some\"",
            &["f:2:8: mode cannot be \"some\"; write one of \"all\", \"only\", \"except\""],
        ),
        (
            "[network]\nmode = \"only\"",
            &["f:2:8: this mode needs processes; write processes = [\"nginx\"], or mode = \"all\""],
        ),
        (
            "[network]\nprocesses = [\"nginx\"]",
            &["f:2:13: processes has no meaning with mode = \"all\"; \
               write mode = \"only\" or \"except\", or remove processes"],
        ),
        (
            "[network]\nmode = \"only\"\nprocesses = [\"bin/x\"]",
            &[
                "f:2:8: this mode needs processes; write processes = [\"nginx\"], or mode = \"all\"",
                "f:3:13: processes: \"bin/x\" is neither a name nor an absolute path; \
                 write a process' name as ps -o comm shows it, or the absolute path of an executable",
            ],
        ),
        (
            "[network]\nproxies = [\"10.0.0.0/8\", \"10.0.0.0/33\"]",
            &[
                "f:2:11: proxies: \"10.0.0.0/33\" is neither an IP address nor a network; \
               write for example \"10.0.0.0/8\" or \"2001:db8::/32\"",
            ],
        ),
        (
            "[network]\nignored_rules = [\"[\"]\nincoming_rules = 5",
            &[
                "f:2:17: ignored_rules: \"[\" is no glob: the glob has a [ without its ]; write a rule's id; * stands for any text, ? for one character",
                "f:3:18: incoming_rules must be a list of strings, not an integer; write incoming_rules = [\"*\"]",
            ],
        ),
        (
            "[network]\nprocesses = ['nginx', 1]\nmax_bytes_per_message = { request = 1.5 }\nmax_flows = '64k'",
            &[
                "f:2:13: processes must be a list of strings, not a list that has an integer in it; \
               write processes = [\"nginx\", \"/usr/bin/curl\"]",
                "f:3:25: max_bytes_per_message must be a table of two sizes, not a table that has a number with a fraction in it; \
               write max_bytes_per_message = { request = \"128KiB\", response = \"512KiB\" }",
                "f:4:13: max_flows must be an integer, not a string; write max_flows = 1024",
            ],
        ),
        (
            "[network]\nmax_bytes_per_message = { request = \"1B\" }",
            &[
                "f:2:25: max_bytes_per_message: request must be from 1KiB to 16MiB, not \"1B\"; \
               write { request = \"128KiB\", response = \"512KiB\" }",
            ],
        ),
    ]);
}

#[test]
fn a_word_of_the_wrong_type_is_shown_the_words() {
    let told = problems(&[("f", "[network]\nhttps = true\n")], &[]);
    let wanted = "f:2:9: https must be a string, not true or false; write https = \"off\" or \"on\"";
    assert_eq!(told, [wanted]);
}
