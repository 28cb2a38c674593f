//! The unit tests of the alert rules notice every change of a threshold, a window, a waiting time or a severity: each is changed, one at a time, in a copy,
//! and promtool must then fail.

use std::{fs, path::Path, sync::Mutex, thread};

use crate::rules::{files, promtool};

/// A rules file with one change.
struct Mutant {
    what: String,
    text: String,
}

/// Which part of a rule a line belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Judged,
    Severity,
    Other,
}

/// `expr` (over several lines, too) and `for` are judged; labels route.
fn part(line: &str, before: Part) -> Part {
    let key = line.trim_start().trim_start_matches("- ");
    let is_key = key.split_once(':').is_some_and(|(key, rest)| {
        key.chars().all(|c| c.is_ascii_lowercase() || c == '_') && (rest.is_empty() || rest.starts_with(' '))
    });
    if key.starts_with("expr:") || key.starts_with("for:") {
        Part::Judged
    } else if key.starts_with("severity:") || key.starts_with("lapwing_severity:") {
        Part::Severity
    } else if is_key || line.trim_start().starts_with('#') || line.trim().is_empty() {
        Part::Other
    } else {
        before
    }
}

/// Where numbers stand in a line, with their unit: not those that are parts of names.
fn numbers(line: &str) -> Vec<(usize, &str)> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(offset) = line[start..].find(|c: char| c.is_ascii_digit()) {
        let at = start + offset;
        let end = line[at..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
            .map_or(line.len(), |length| at + length);
        if !line[..at].ends_with(in_name) {
            found.push((at, &line[at..end]));
        }
        start = end;
    }
    found
}

/// A little more and a little less. Ranges by two minutes: the tests' samples are a minute apart, and whether one at the very start of a range belongs to it
/// differs between Prometheus 2 and 3.
fn neighbours(number: &str, is_range: bool) -> [String; 2] {
    let step = if is_range { 2 } else { 1 };
    let minutes = |count: u64| [count + step, count - step].map(|count| format!("{count}m"));
    if let Some(count) = number.strip_suffix('m') {
        return minutes(count.parse().unwrap());
    }
    if let Some(count) = number.strip_suffix('h') {
        return minutes(60 * count.parse::<u64>().unwrap());
    }
    let value: f64 = number
        .parse()
        .unwrap_or_else(|_| panic!("teach this test to change {number}"));
    let step = if value.fract() == 0.0 && value < 10.0 {
        1.0
    } else {
        value / 10.0
    };
    // Without the last digits, which are noise.
    [value + step, value - step].map(|value| ((value * 1e9).round() / 1e9).to_string())
}

fn mutants(text: &str) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let mut now = Part::Other;
    let mut offset = 0;
    for (number, line) in text.lines().enumerate() {
        now = part(line, now);
        let mut change = |at: usize, old: &str, new: &str| {
            let (before, after) = text.split_at(offset + at);
            mutants.push(Mutant {
                what: format!("line {}: {} -> {new}", number + 1, line.trim()),
                text: format!("{before}{new}{}", after.strip_prefix(old).unwrap()),
            });
        };
        match now {
            Part::Judged => {
                for (at, old) in numbers(line) {
                    let is_range = line[..at].ends_with('[');
                    neighbours(old, is_range).iter().for_each(|new| change(at, old, new));
                }
            }
            Part::Severity => {
                let at = line.find(": ").unwrap() + 2;
                change(at, &line[at..], "other");
            }
            Part::Other => {}
        }
        offset += line.len() + 1;
    }
    mutants
}

/// Whether the unit tests pass with this in place of the rules file.
fn pass(rules: &Path, tests: &Path, text: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("tests");
    fs::create_dir(&folder).unwrap();
    fs::write(directory.path().join(rules.file_name().unwrap()), text).unwrap();
    let copy = folder.join(tests.file_name().unwrap());
    fs::copy(tests, &copy).unwrap();
    promtool(&["test", "rules"], &[copy]).is_ok()
}

#[test]
fn every_changed_threshold_is_noticed() {
    let files = files();
    let mut all = Vec::new();
    for (rules, tests) in &files {
        let text = fs::read_to_string(rules).unwrap();
        assert!(pass(rules, tests, &text), "{} as it is", rules.display());
        let mutants = mutants(&text);
        // At least the number and the severity of one alert.
        assert!(mutants.len() >= 3, "{}", rules.display());
        all.extend(mutants.into_iter().map(|mutant| (rules, tests, mutant)));
    }
    println!("{} changes", all.len());
    let (queue, survivors) = (Mutex::new(all.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((rules, tests, mutant)) = next else { return };
                    if pass(rules, tests, &mutant.text) {
                        let name = rules.file_name().unwrap().display();
                        survivors.lock().unwrap().push(format!("{name} {}", mutant.what));
                    }
                }
            });
        }
    });
    let survivors = survivors.into_inner().unwrap();
    assert!(survivors.is_empty(), "no unit test notices:\n{}", survivors.join("\n"));
}

/// The changes themselves are the wanted ones.
#[test]
fn numbers_of_expressions_are_changed_and_those_of_names_are_not() {
    let text = "      - alert: X\n        expr: a:rate5m{x=\"1\"} / b[5m] > 0.05\n        for: 1h\n        labels:\n          severity: info\n";
    let changed: Vec<_> = mutants(text).into_iter().map(|mutant| mutant.text).collect();
    for (from, to) in [
        ("[5m]", "[7m]"),
        ("[5m]", "[3m]"),
        ("> 0.05", "> 0.055"),
        ("> 0.05", "> 0.045"),
        ("for: 1h", "for: 61m"),
        ("for: 1h", "for: 59m"),
        ("severity: info", "severity: other"),
    ] {
        assert!(changed.contains(&text.replacen(from, to, 1)), "{to}: {changed:#?}");
    }
    // And the label's value.
    assert_eq!(changed.len(), 9, "{changed:#?}");
}
