use serde_json::{Value, json};

use super::*;

fn silence() -> Value {
    json!({
        "id": "6f0a3c1e-0000-4000-8000-000000000001",
        "status": {"state": "active"},
        "updatedAt": "2026-11-21T12:00:00.000Z",
        "comment": "maintenance", "createdBy": "alice",
        "startsAt": "2026-11-21T12:00:00.000Z", "endsAt": "2026-11-21T14:00:00.123456789+02:00",
        "matchers": [{"name": "rule", "value": "etc", "isRegex": false}],
        "someday": {"new": ["key"]},
    })
}

/// The silence with one key changed.
fn with(key: &str, value: Value) -> Value {
    let mut silence = silence();
    silence[key] = value;
    silence
}

fn read(list: &Value) -> Answer {
    silences(list.to_string().as_bytes()).unwrap()
}

#[test]
fn a_silence_is_read_with_its_times() {
    let answer = read(&json!([silence(), with("status", json!({"state": "expired"}))]));
    assert_eq!(answer.refused, []);
    let [found] = &answer.silences[..] else {
        panic!("{answer:?}")
    };
    assert_eq!((&*found.author, &*found.comment), ("alice", "maintenance"));
    assert_eq!(rfc3339(found.starts), "2026-11-21T12:00:00.000000000Z");
    assert_eq!(rfc3339(found.ends), "2026-11-21T12:00:00.123456789Z");
    let matcher = &found.matchers[0];
    assert!(matcher.is_equal, "absent means true");
    assert_eq!(matcher.to_string(), "rule=\"etc\"");
}

#[test]
fn what_is_written_is_read_again() {
    let answer = read(&json!([silence()]));
    let text = serde_json::to_vec(&answer.silences).unwrap();
    assert_eq!(silences(&text).unwrap(), answer);
}

#[test]
fn bad_silences_are_refused_by_themselves() {
    let matcher = json!({"name": "rule", "value": "x", "isRegex": false});
    let long = json!([{"name": "rule", "value": "x".repeat(5000), "isRegex": false}]);
    for (bad, reason) in [
        (json!(null), "malformed"),
        (json!("text"), "malformed"),
        (json!({}), "malformed"),
        (with("id", json!(7)), "malformed"),
        (with("id", json!("../status")), "malformed"),
        (with("id", json!("x".repeat(129))), "malformed"),
        (with("comment", json!({})), "malformed"),
        (with("status", json!("active")), "malformed"),
        (with("matchers", json!("rule=x")), "malformed"),
        (
            with("matchers", json!([{"name": "rule", "value": 1, "isRegex": false}])),
            "malformed",
        ),
        (with("matchers", json!([{"name": "rule", "value": "x"}])), "malformed"),
        (with("matchers", json!(vec![matcher; 65])), "too_large"),
        (with("matchers", long), "too_large"),
        (with("startsAt", json!("yesterday")), "bad_time"),
        (with("endsAt", json!("2026-13-40T00:00:00Z")), "bad_time"),
        (with("endsAt", json!("2026-11-21T11:00:00Z")), "bad_time"),
    ] {
        let answer = read(&json!([bad, silence()]));
        assert_eq!(answer.silences.len(), 1, "the good one stays: {bad}");
        assert_eq!(answer.refused.len(), 1, "{bad}");
        assert_eq!(answer.refused[0].1, reason, "{bad}");
    }
}

#[test]
fn an_answer_that_is_no_list_is_an_error() {
    let whole = json!([silence(), silence()]).to_string();
    for cut in [0, 1, 10, whole.len() / 2, whole.len() - 1] {
        assert!(silences(&whole.as_bytes()[..cut]).is_err(), "{cut}");
    }
    for bad in ["null", "{}", "\"silences\"", "<html>", "[}", "[] []"] {
        assert!(silences(bad.as_bytes()).is_err(), "{bad}");
    }
    // Nesting does not end the thread's stack.
    assert!(silences("[".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn everything_is_bounded() {
    let mut many: Vec<Value> = vec![with("comment", json!("c".repeat(100_000)))];
    many.resize(MAX_SILENCES + 3, silence());
    let answer = read(&Value::from(many));
    assert_eq!(answer.silences.len(), MAX_SILENCES);
    assert_eq!(answer.refused.len(), 3);
    assert!(answer.refused.iter().all(|(_, reason)| *reason == "too_many"));
    assert_eq!(answer.silences[0].comment.len(), MAX_COMMENT);
    let far = read(&json!([with("endsAt", json!("9999-12-31T23:59:59Z"))]));
    assert_eq!(far.silences[0].ends, i64::MAX);
}

#[test]
fn what_attackers_chose_is_shown_escaped() {
    let matcher = WireMatcher {
        name: "path".into(),
        value: "/tmp/a\u{1b}[2J\"\u{202e}gpj".into(),
        is_regex: false,
        is_equal: false,
    };
    assert_eq!(matcher.to_string(), "path!=\"/tmp/a\\u{1b}[2J\\\"\\u{202e}gpj\"");
}
