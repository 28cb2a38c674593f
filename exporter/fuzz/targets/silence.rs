//! Matchers of silences as anybody with access to Alertmanager writes them: names, values, and regular expressions in Go's language.
//!
//! Input: lines of `name OPERATOR value`; the last line is a text that the values are tried on.

#![no_main]

use lapwing_engine::{
    event::{BootTime, Bytes, Sensor},
    mask::{Detail, Details, Masks, Matcher, Pattern, Settings, Silence},
    spec::Severity,
};
use libfuzzer_sys::fuzz_target;

fn matcher(line: &str) -> Option<Matcher> {
    let at = line.find(['=', '!'])?;
    let (name, rest) = line.split_at(at);
    let operator = ["=~", "!~", "!=", "="]
        .into_iter()
        .find(|operator| rest.starts_with(operator))?;
    Some(Matcher {
        name: name.to_owned(),
        value: rest[operator.len()..].to_owned(),
        is_regex: operator.ends_with('~'),
        is_equal: !operator.starts_with('!'),
    })
}

/// Ways to write the same expression must be judged alike.
fn regular(pattern: &str, text: &str) {
    let Ok(compiled) = Pattern::new(pattern) else { return };
    let verdict = compiled.matches(text);
    for same in [
        format!("(?:{pattern})"),
        format!("{pattern}|{pattern}"),
        format!("^(?:{pattern})$"),
    ] {
        if let Ok(same) = Pattern::new(&same) {
            assert_eq!(same.matches(text), verdict, "{}", same.rewritten());
        }
    }
}

fuzz_target!(|input: &str| {
    let (lines, text) = input.rsplit_once('\n').unwrap_or((input, ""));
    let matchers: Vec<Matcher> = lines.lines().filter_map(matcher).collect();
    matchers
        .iter()
        .filter(|m| m.is_regex)
        .for_each(|m| regular(&m.value, text));
    let positive = |m: &&Matcher| m.is_equal && !(m.value.is_empty());
    let could = matchers.iter().any(|m| positive(&m));
    let silence = Silence {
        id: "s".to_owned(),
        author: String::new(),
        comment: String::new(),
        starts: BootTime(0),
        ends: BootTime(10),
        until: String::new(),
        matchers,
    };
    let (masks, refused) = Masks::new(vec![silence], &Settings::default());
    assert_eq!(masks.is_empty(), refused.len() == 1);
    let details = Details::from_values(Detail::ALL.map(|detail| (detail, Bytes::from(text))));
    for severity in [Severity::Critical, Severity::High] {
        let candidates = masks.candidates("etc", severity, Sensor::File, BootTime(0));
        let masked = masks
            .judge(&candidates, BootTime(1), || Some(details.clone()))
            .is_some();
        assert!(!masked || could, "masked without any positive matcher");
        assert!(
            masks
                .judge(&candidates, BootTime(10), || Some(details.clone()))
                .is_none()
        );
    }
});
