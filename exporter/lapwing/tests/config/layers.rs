//! Which layer wins, what an override does, what the hash is of, and which files are refused.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use lapwing::{
    cli::ConfigArgs,
    config::{Input, Loaded, Problem, Source, load, parse},
};
use lapwing_engine::spec::Severity;

fn parsed(files: &[&str], variables: &[(&str, &str)], flags: &[(&'static str, &'static str, &str)]) -> Loaded {
    let source = |(index, text): (usize, &&str)| Source {
        name: format!("file{index}"),
        text: (*text).into(),
        ruleset: "local",
    };
    let environment: BTreeMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    let flags = flags
        .iter()
        .map(|(section, key, value)| (format!("--{key}"), *section, *key, (*value).into()))
        .collect();
    let input = Input {
        files: files.iter().enumerate().map(source).collect(),
        environment,
        flags,
        ..Input::default()
    };
    parse(&input).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn each_layer_lies_over_the_one_before() {
    let main = "[score]\nthreshold = 1\nfold_after = 7\n[log]\nlevel = 'warn'\n[metrics]\nmax_rules = 5\n[otlp]\nheaders = { a = '1', b = '1' }";
    let drop_in = "score.threshold = 2\notlp.headers = { b = '2' }";
    let environment = [
        ("LAPWING__SCORE__THRESHOLD", "3"),
        ("LAPWING__LOG__LEVEL", "debug"),
        ("LAPWING__OTLP__HEADERS", "c=3,d=x=y"),
        ("LAPWING__AGENT__FILE_RING", "1MiB"),
        ("LAPWING__DEFAULTS", "false"),
    ];
    let config = parsed(&[main, drop_in], &environment, &[("log", "level", "trace")]).config;
    assert_eq!(config.score.threshold, 3, "environment over conf.d over file");
    assert_eq!(config.score.fold_after, 7, "only in the file");
    assert_eq!(config.log.level, "trace", "flag over environment");
    assert_eq!(config.metrics.max_rules, 5);
    assert_eq!(config.agent.file_ring, 1 << 20);
    assert!(!config.defaults);
    let headers: Vec<String> = config
        .otlp
        .headers
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(headers, ["a=1", "b=2", "c=3", "d=x=y"], "tables are merged");
    assert!(
        !format!("{:?}", config.otlp).contains("x=y"),
        "values of headers do not get into the log"
    );
    assert_eq!(config.score.half_life, Duration::from_secs(600), "the default");
}

#[test]
fn settings_reach_the_engine() {
    let specs = parsed(
        &["[score]\nhalf_life = '1h30m'\nhost_threshold = 500\nfold_window = '5s'"],
        &[],
        &[],
    )
    .specs;
    assert_eq!(specs.score.half_life, 5_400_000_000_000);
    assert_eq!(specs.score.host_threshold, Some(500));
    assert_eq!(specs.score.fold_window, 5_000_000_000);
    let off = parsed(&["[process]\nenabled = false\n[file]\nenabled = false"], &[], &[]);
    assert!(off.rules.rules().iter().all(|rule| !rule.enabled));
    assert!(off.rules.interest(1).watches.is_empty() && !off.rules.interest(1).process);
}

#[test]
fn an_override_replaces_or_adds() {
    let loaded = parsed(
        &[
            "[[file.watch]]\nid = 'mine'\npath = '/srv/'\naccess = ['write']\nexclude = ['*.log']\ntags = ['a']\nexcept = 'proc.name = \"a\"'",
            "[[override]]\nid = 'mine'\nseverity = 'critical'\npoints = 1\nadd_exclude = ['*.tmp']\ntags = ['b']\n\
             add_except = 'proc.name = \"b\"'\nrecursive = false\n\
             [[override]]\nid = 'exec-from-tmp'\nseverity = 'low'\nadd_skip_paths = ['/tmp/build/']\nenabled = false",
        ],
        &[],
        &[],
    );
    let watch = loaded
        .specs
        .watches
        .iter()
        .find(|watch| watch.common.id == "mine")
        .expect("mine");
    assert_eq!(
        (watch.path.as_str(), watch.recursive, watch.severity),
        ("/srv", false, Severity::Critical)
    );
    assert_eq!(watch.exclude, ["*.log", "*.tmp"]);
    assert_eq!(watch.common.tags, ["b"]);
    assert_eq!(watch.common.points, Some(1));
    assert_eq!(
        watch.common.except.as_deref(),
        Some("(proc.name = \"a\") or (proc.name = \"b\")")
    );
    assert_eq!(watch.common.ruleset, "local");
    let rule = loaded
        .specs
        .process
        .iter()
        .find(|rule| rule.common.id == "exec-from-tmp")
        .expect("built in");
    assert_eq!(
        (rule.success_severity, rule.failure_severity),
        (Some(Severity::Low), None)
    );
    assert_eq!(rule.skip_paths, ["/tmp/build"]);
    assert!(!rule.common.enabled && rule.common.when.is_some());
    assert_eq!(rule.common.ruleset, "default");
}

#[test]
fn the_hash_is_of_the_meaning() {
    let hash = |text: &str| parsed(&[text], &[], &[]).hash;
    let one = hash("[score]\nthreshold = 50\nhalf_life = \"90m\"\n");
    assert_eq!(one.len(), 16);
    assert_eq!(
        one,
        hash("# a comment\nscore = { half_life = '1h30m', threshold = 0x32 }")
    );
    assert_eq!(
        one,
        parsed(
            &["score.half_life = '90m'"],
            &[("LAPWING__SCORE__THRESHOLD", "50")],
            &[]
        )
        .hash
    );
    assert_ne!(one, hash("[score]\nthreshold = 51\nhalf_life = \"90m\""));
    assert_eq!(
        hash(""),
        hash("[json]\npath = \"-\""),
        "a default that is written out changes nothing"
    );
    let secret = |value: &str| hash(&format!("otlp.headers = {{ authorization = '{value}' }}"));
    assert_eq!(
        secret("a"),
        secret("b"),
        "a public hash must not help to guess a credential"
    );
    assert_ne!(hash(""), hash("[[override]]\nid = 'etc'\nseverity = 'low'"));
}

/// What `load` says about the file at `path`, with the directory's name taken out.
fn refusals(directory: &Path, path: &Path) -> Vec<String> {
    let args = ConfigArgs {
        config: Some(path.to_owned()),
        ..ConfigArgs::default()
    };
    let problems = load(&args).err().unwrap_or_default();
    problems
        .iter()
        .map(Problem::to_string)
        .map(|text| text.replace(&directory.display().to_string(), "DIR"))
        .collect()
}

#[test]
fn files_are_read_from_the_disk_in_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let main = directory.path().join("lapwing.toml");
    fs::create_dir(directory.path().join("conf.d")).expect("conf.d");
    fs::write(&main, "score.threshold = 1").expect("main");
    for (name, text) in [
        ("20.toml", "score.threshold = 3"),
        ("10.toml", "score.threshold = 2"),
        ("30.txt", "x"),
        (".40.toml", "x"),
    ] {
        fs::write(directory.path().join("conf.d").join(name), text).expect(name);
    }
    let loaded = load(&ConfigArgs {
        config: Some(main),
        ..ConfigArgs::default()
    })
    .expect("valid");
    assert_eq!(loaded.config.score.threshold, 3);
    let names: Vec<_> = loaded.sources.iter().filter_map(|path| path.file_name()).collect();
    assert_eq!(names, ["lapwing.toml", "10.toml", "20.toml"]);
}

#[test]
fn files_that_cannot_be_trusted_or_read_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path();
    let file = dir.join("lapwing.toml");
    assert_eq!(
        refusals(dir, &file),
        [
            "DIR/lapwing.toml: cannot be read: No such file or directory (os error 2); check the path and its permissions"
        ]
    );
    fs::write(&file, "[score]\nthreshold = 5").expect("write");
    assert_eq!(refusals(dir, &file), Vec::<String>::new());
    for (mode, shown) in [(0o666, "0666"), (0o620, "0620")] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("chmod");
        assert_eq!(
            refusals(dir, &file),
            [format!(
                "DIR/lapwing.toml: refused, the file may be written by others (mode {shown}); chown root DIR/lapwing.toml && chmod go-w \
                 DIR/lapwing.toml"
            )]
        );
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("chmod");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).expect("chmod");
    assert_eq!(
        refusals(dir, &file),
        [
            "DIR/lapwing.toml: refused, the directory DIR may be written by others (mode 0777); chown root DIR && chmod go-w DIR"
        ]
    );
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).expect("chmod");
    fs::write(&file, b"a = 1\nb = \"\xff\"").expect("write");
    assert_eq!(
        refusals(dir, &file),
        ["DIR/lapwing.toml:2:6: is not UTF-8 from here; save the file as UTF-8"]
    );
    fs::write(&file, vec![b'#'; (4 << 20) + 1]).expect("write");
    assert_eq!(
        refusals(dir, &file),
        ["DIR/lapwing.toml: is larger than 4 MiB; split it into files in conf.d"]
    );
    assert_eq!(
        refusals(dir, dir),
        ["DIR: is not a regular file; give the path of a TOML file"]
    );
}

/// Root reads everything, so that ownership is what says whose word a file is.
#[test]
fn a_file_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return; // only root can give a file away
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("lapwing.toml");
    fs::write(&file, "").expect("write");
    std::os::unix::fs::chown(&file, Some(65534), None).expect("chown");
    assert_eq!(
        refusals(directory.path(), &file),
        [
            "DIR/lapwing.toml: refused, the file belongs to uid 65534, who is neither root nor the caller; chown root DIR/lapwing.toml && \
          chmod go-w DIR/lapwing.toml"
        ]
    );
}

/// 25,000 rules are read and compiled; one more is refused.
#[test]
fn rules_are_bounded() {
    let many = |count: usize| -> String {
        (0..count)
            .map(|n| {
                format!("[[process.rule]]\nid = \"r{n}\"\nevent = \"bin-execution\"\nwhen = 'proc.name = \"p{n}\"'\n")
            })
            .collect()
    };
    let parse_many = |count| {
        let files = vec![Source {
            name: "f".into(),
            text: format!("defaults = false\n{}", many(count)),
            ruleset: "local",
        }];
        parse(&Input {
            files,
            ..Input::default()
        })
    };
    assert_eq!(parse_many(25_000).expect("allowed").rules.rules().len(), 25_000);
    let problems: Vec<String> = parse_many(25_002)
        .expect_err("too many")
        .iter()
        .map(Problem::to_string)
        .collect();
    assert_eq!(
        problems,
        ["f:100003:6: there are more than 25000 rules; remove rules from here on"]
    );
}
