//! From an alert and flags to the matchers of a silence.

use lapwing_engine::{event::Sensor, mask::Detail};

use super::{
    MaskError,
    judgement::{equal, of_lapwing},
};
use crate::{alertmanager::WireMatcher, recent::Recent};

/// The matchers for alerts like this one: its rule (`label` is what the metric calls it), and what narrows it. `asked` are the values of `--match`:
/// names of details, whose values come from the alert, or whole matchers; without any, the file and the program, as far as they are known.
///
/// # Errors
/// A detail that the alert does not have, a matcher that is none.
pub fn of_alert(alert: &Recent, label: &str, asked: &[String]) -> Result<Vec<WireMatcher>, MaskError> {
    let mut matchers = vec![of_lapwing(), equal("rule", label)];
    if asked.is_empty() {
        let usual: &[Detail] = match alert.sensor {
            _ if alert.event == "score" => &[Detail::Container, Detail::Remote],
            Sensor::File => &[Detail::Path, Detail::Executable],
            Sensor::Process => &[Detail::Executable],
            Sensor::Network => &[Detail::Executable, Detail::Remote],
        };
        let known = usual
            .iter()
            .filter_map(|detail| alert.details.get_key_value(detail.name()));
        matchers.extend(known.map(|(name, value)| equal(name, value)));
        return Ok(matchers);
    }
    for text in asked {
        if text.contains('=') || text.contains('!') {
            matchers.push(parse(text)?);
            continue;
        }
        let Some(value) = alert.details.get(text) else {
            let known: Vec<&str> = alert.details.keys().map(String::as_str).collect();
            return Err(MaskError::Usage(format!(
                "--match {text:?}: nothing of that is known of the alert; known are: {}",
                known.join(", ")
            )));
        };
        matchers.push(equal(text, value));
    }
    Ok(matchers)
}

/// The matchers of `--match` alone.
///
/// # Errors
/// None at all, or one that is none.
pub fn of_flags(asked: &[String]) -> Result<Vec<WireMatcher>, MaskError> {
    if asked.is_empty() {
        return Err(MaskError::Usage(
            "what is to be masked? Give --alert ID (the `mask` key of an alert has it), or --match rule=ID".into(),
        ));
    }
    let mut matchers: Vec<WireMatcher> = asked.iter().map(|text| parse(text)).collect::<Result<_, _>>()?;
    if !matchers.iter().any(|matcher| matcher.name == "alertname") {
        matchers.insert(0, of_lapwing());
    }
    Ok(matchers)
}

/// `name=value`, `name!=value`, `name=~regex`, `name!~regex`; everything after the operator is the value as it stands.
pub fn parse(text: &str) -> Result<WireMatcher, MaskError> {
    let wrong = || {
        MaskError::Usage(format!(
            "--match {text:?}: write NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX"
        ))
    };
    let at = text.find(['=', '!']).ok_or_else(wrong)?;
    let (name, rest) = text.split_at(at);
    let operators = [
        ("=~", true, true),
        ("!~", false, true),
        ("!=", false, false),
        ("=", true, false),
    ];
    let found = operators
        .into_iter()
        .find_map(|(operator, is_equal, is_regex)| Some((rest.strip_prefix(operator)?, is_equal, is_regex)));
    let (value, is_equal, is_regex) = found.ok_or_else(wrong)?;
    if name.trim().is_empty() {
        return Err(wrong());
    }
    Ok(WireMatcher {
        name: name.trim().to_owned(),
        value: value.to_owned(),
        is_regex,
        is_equal,
    })
}

#[cfg(test)]
mod tests {
    use lapwing_engine::spec::Severity;

    use super::*;

    fn alert() -> Recent {
        let details = [
            ("path", "/tmp/a\u{1b}[2J\" .*"),
            ("executable", "/usr/bin/bash"),
            ("user", "0"),
        ];
        Recent {
            time: "2026-11-21T12:00:00Z".into(),
            id: "1-2-3-4".into(),
            rule: "etc".into(),
            ruleset: "default".into(),
            severity: Severity::High,
            sensor: Sensor::File,
            event: "file.write".into(),
            message: String::new(),
            count: 1,
            details: details.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            masked: None,
        }
    }

    fn shown(matchers: &[WireMatcher]) -> Vec<String> {
        matchers.iter().map(WireMatcher::to_string).collect()
    }

    #[test]
    fn without_a_choice_rule_file_and_program_are_taken_as_they_are() {
        let matchers = of_alert(&alert(), "etc", &[]).unwrap();
        assert_eq!(
            shown(&matchers),
            [
                "alertname=\"LapwingDetection\"",
                "rule=\"etc\"",
                "path=\"/tmp/a\\u{1b}[2J\\\" .*\"",
                "executable=\"/usr/bin/bash\""
            ]
        );
        assert!(matchers.iter().all(|matcher| matcher.is_equal && !matcher.is_regex));
        let matchers = of_alert(&alert(), "default", &["user".into(), "path=~/tmp/.*".into()]).unwrap();
        assert_eq!(
            shown(&matchers[1..]),
            ["rule=\"default\"", "user=\"0\"", "path=~\"/tmp/.*\""]
        );
        let error = of_alert(&alert(), "etc", &["container".into()])
            .unwrap_err()
            .to_string();
        assert!(error.contains("known are: executable, path, user"), "{error}");
    }

    #[test]
    fn matchers_are_read_as_alertmanager_writes_them() {
        for (text, shown) in [
            ("rule=etc", "rule=\"etc\""),
            ("rule!=a=b", "rule!=\"a=b\""),
            ("rule=~a|b", "rule=~\"a|b\""),
            ("rule!~ x", "rule!~\" x\""),
            ("path=", "path=\"\""),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), shown);
        }
        for bad in ["", "rule", "=x", "rule!x", " =x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            shown(&of_flags(&["rule=etc".into()]).unwrap()),
            ["alertname=\"LapwingDetection\"", "rule=\"etc\""]
        );
        assert!(of_flags(&[]).is_err());
    }
}
