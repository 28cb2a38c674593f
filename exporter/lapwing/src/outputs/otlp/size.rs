//! How large records become, known before they are encoded.

use opentelemetry::logs::AnyValue;
use opentelemetry_sdk::logs::SdkLogRecord;

/// Times, numbers and the frame of a record.
const RECORD: usize = 64;
/// Tags and lengths around a key and its value.
const PAIR: usize = 24;

/// The bytes that a record takes in a request, at most.
pub(super) fn of_record(record: &SdkLogRecord) -> usize {
    let texts = [record.event_name(), record.severity_text()];
    let texts: usize = texts.into_iter().flatten().map(str::len).sum();
    let body = record.body().map_or(0, of_value);
    RECORD + texts + body + of_pairs(record.attributes_iter().map(|(key, value)| (key.as_str(), value)))
}

fn of_value(value: &AnyValue) -> usize {
    match value {
        AnyValue::String(text) => PAIR + text.as_str().len(),
        AnyValue::Bytes(bytes) => PAIR + bytes.len(),
        AnyValue::ListAny(values) => PAIR + values.iter().map(of_value).sum::<usize>(),
        AnyValue::Map(pairs) => PAIR + of_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value))),
        _ => PAIR,
    }
}

fn of_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a AnyValue)>) -> usize {
    pairs.map(|(key, value)| key.len() + of_value(value)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::attributes::Attributes;
    use super::*;
    use opentelemetry::logs::{LogRecord as _, Logger, LoggerProvider, Severity};
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use opentelemetry_sdk::logs::SdkLoggerProvider;
    use prost::Message;
    use std::time::SystemTime;

    fn record(texts: &[String]) -> SdkLogRecord {
        let mut record = SdkLoggerProvider::builder().build().logger("test").create_log_record();
        record.set_event_name("lapwing.file.write");
        record.set_severity_text("critical");
        record.set_severity_number(Severity::Fatal);
        record.set_timestamp(SystemTime::now());
        record.set_observed_timestamp(SystemTime::now());
        record.set_body(texts.concat().into());
        let group = || {
            let mut a = Attributes::default();
            a.int("number", u64::MAX);
            a.double("double", 0.5);
            a.texts("texts", texts);
            a
        };
        let mut a = group();
        a.groups("groups", [group(), group()]);
        record.add_attributes(a.0);
        record
    }

    #[test]
    fn no_record_is_larger_and_few_are_much_smaller() {
        for texts in [
            vec![],
            vec!["x".to_owned(); 3],
            vec!["x".repeat(200); 20],
            vec!["x".repeat(70_000); 2],
            vec!["x".repeat(3 << 20)],
        ] {
            let record = record(&texts);
            let (bound, real) = (of_record(&record), LogRecord::from(&record).encoded_len());
            // The frame of a record within its request: a tag and a length of at most four bytes.
            assert!(real + 5 <= bound && bound < 4 * real, "{bound} {real}");
        }
    }
}
