//! Mistakes in `[alertmanager]`.

use lapwing::config::{Problem, parse};

use crate::problems::{input, loaded, problems};

#[test]
fn alertmanager_and_its_credentials() {
    let peer = "[alertmanager]\nurls = ['https://am:9093']\n";
    let and = |rest: &str| format!("{peer}{rest}");
    let cases = [
        (
            "[alertmanager]\nurls = ['am:9093']".to_owned(),
            "f:2:8: urls: \"am:9093\" is not an http or https URL; write for example \"http://127.0.0.1:9093\"",
        ),
        (
            "[alertmanager]\nurls = 'http://am:9093'".to_owned(),
            "f:2:8: urls must be a list of URLs, not a string; write urls = [\"http://127.0.0.1:9093\"]",
        ),
        (
            "[alertmanager]\nurls = ['http://root:secret@am:9093']".to_owned(),
            "f:2:8: the URL of am has a user or password in it; write username and password_file",
        ),
        (
            "[alertmanager]\nurls = ['http://am:99999']".to_owned(),
            "f:2:8: \"http://am:99999\" has a port that is not a number from 1 to 65535; correct it",
        ),
        (
            "[alertmanager]\nusername = 'a'\npassword_file = '/none'\nurls = ['http://127.0.0.1:1', 'http://am:9093']"
                .to_owned(),
            "f:4:8: \"http://am:9093\" would carry the credential over the network without encryption; write https://, or \
             insecure = true to allow it",
        ),
        (
            and("username = 'a'"),
            "f:3:12: username needs password_file; write both, or none",
        ),
        (
            and("cert_file = '/x'"),
            "f:3:13: cert_file needs key_file; write both, or none",
        ),
        (
            and("ca_file = '/nonexistent/ca'"),
            "f:3:11: ca_file /nonexistent/ca cannot be read: No such file or directory (os error 2); check the path and its permissions",
        ),
        (
            and("bearer_token_file = '/nonexistent/t'"),
            "f:3:21: bearer_token_file /nonexistent/t cannot be read: No such file or directory (os error 2); \
             check the path and its permissions",
        ),
        (
            and("bearer_token_file = '/t'\nusername = 'a'\npassword_file = '/p'"),
            "f:3:21: bearer_token_file and username are two ways of authentication; remove one of them",
        ),
        (
            "[alertmanager]\nurls = ['http://am:9093']\nca_file = '/etc/ssl/certs'".to_owned(),
            "f:3:11: ca_file is set, and no peer is encrypted; write https:// in urls, or remove it",
        ),
        (
            and("labels = { rule = 'x' }"),
            "f:3:10: label \"rule\" is set by Lapwing itself; remove it",
        ),
        (
            and("labels = { job = 1 }"),
            "f:3:10: label job must be a string, not an integer; write labels = { name = \"value\" }",
        ),
        (
            and("never_mask = ['[']"),
            "f:3:14: never_mask: \"[\" is no glob: the glob has a [ without its ]; write a rule's id; * stands for any text, ? for one character",
        ),
        (
            and("mask_action = 'hide'"),
            "f:3:15: mask_action cannot be \"hide\"; write one of \"mark\", \"drop\"",
        ),
        (
            and("poll_interval = '10ms'"),
            "f:3:17: poll_interval must be from 1s to 1h, not \"10ms\"; write a value in that range",
        ),
    ];
    for (text, problem) in &cases {
        assert_eq!(problems(&[("f", text)], &[]), [*problem], "{text}");
    }
    let config =
        loaded("[alertmanager]\nurls = ['http://am:9093', 'https://b/x']\nlabels = { instance = 'a:1' }").config;
    assert_eq!(config.alertmanager.urls.len(), 2);
    assert_eq!(config.alertmanager.labels["instance"], "a:1");
    let by_variable = [
        ("LAPWING__ALERTMANAGER__URLS", "http://a:1, http://b:2"),
        ("LAPWING__ALERTMANAGER__LABELS", "job=x"),
    ];
    let doubtful = loaded("[alertmanager]\nnever_mask = ['etc', 'ssh-keyz', 'score.*']").warnings;
    assert_eq!(
        doubtful.iter().map(Problem::to_string).collect::<Vec<_>>(),
        ["f:2:14: never_mask: no rule is called \"ssh-keyz\"; `lapwing rules list` shows what they are called"]
    );
    let config = parse(&input(&[], &by_variable))
        .map(|loaded| loaded.config.alertmanager)
        .ok();
    let config = config.map(|config| (config.urls, config.labels["job"].clone()));
    assert_eq!(
        config,
        Some((vec!["http://a:1".into(), "http://b:2".into()], "x".into()))
    );
}
