//! Records and requests, by OpenTelemetry's SDK and exporter.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hyper::Uri;
use opentelemetry::{
    InstrumentationScope, KeyValue,
    logs::{Logger, LoggerProvider},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{LogExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    logs::{LogBatch, LogExporter as _, SdkLogRecord, SdkLogger, SdkLoggerProvider},
};

use super::{endpoint::OtlpError, record};
use crate::outputs::{AlertRecord, host::Host};

const SCHEMA: &str = "https://opentelemetry.io/schemas/1.44.0";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Makes requests of alerts; sends nothing.
#[derive(Debug)]
pub(super) struct Encoder {
    logger: SdkLogger,
    scope: InstrumentationScope,
    exporter: LogExporter,
    caught: Catcher,
}

impl Encoder {
    pub(super) fn new(host: &Host, endpoint: &Uri) -> Result<Encoder, OtlpError> {
        let resource = resource(host);
        let caught = Catcher::default();
        // Set here, protocol and address are not the environment's (OTEL_EXPORTER_OTLP_*); headers are dropped with the address, and compression is
        // not compiled in.
        let mut exporter = LogExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.to_string())
            .with_http_client(caught.clone())
            .build()
            .map_err(|error| OtlpError::Exporter(error.to_string()))?;
        exporter.set_resource(&resource);
        let scope = InstrumentationScope::builder("lapwing")
            .with_version(VERSION)
            .with_schema_url(SCHEMA)
            .build();
        let provider = SdkLoggerProvider::builder().with_resource(resource).build();
        Ok(Encoder {
            logger: provider.logger_with_scope(scope.clone()),
            scope,
            exporter,
            caught,
        })
    }

    /// The record of an alert.
    pub(super) fn record(&self, alert: &AlertRecord) -> SdkLogRecord {
        let mut record = self.logger.create_log_record();
        record::fill(&mut record, alert);
        record
    }

    /// The request that carries `records`, or why there is none.
    pub(super) async fn request(&self, records: &[SdkLogRecord]) -> Result<Bytes, String> {
        let batch: Vec<_> = records.iter().map(|record| (record, &self.scope)).collect();
        let exported = self.exporter.export(LogBatch::new(&batch)).await;
        exported.map_err(|error| format!("the request cannot be encoded: {error}"))?;
        let request = self.caught.slot().take();
        request.ok_or_else(|| "the exporter encoded no request".into())
    }
}

/// Who sends the records.
fn resource(host: &Host) -> Resource {
    let facts = [
        ("service.name", Some("lapwing")),
        ("service.version", Some(VERSION)),
        ("service.instance.id", Some(&*host.instance)),
        ("host.name", Some(&*host.name)),
        ("host.id", host.id.as_deref()),
        ("host.arch", Some(&*host.arch)),
        ("os.type", Some("linux")),
        ("os.name", host.os_name.as_deref()),
        ("os.version", host.os_version.as_deref()),
        ("os.description", host.os_description.as_deref()),
        ("lapwing.kernel.release", Some(&*host.kernel)),
    ];
    let known = facts
        .into_iter()
        .filter_map(|(key, fact)| Some(KeyValue::new(key, fact?.to_owned())));
    Resource::builder_empty().with_schema_url(known, SCHEMA).build()
}

/// The HTTP client given to the exporter: keeps the body of the last request for those who send it, and says that all went well.
#[derive(Debug, Default, Clone)]
struct Catcher(Arc<Mutex<Option<Bytes>>>);

impl Catcher {
    fn slot(&self) -> MutexGuard<'_, Option<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HttpClient for Catcher {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        *self.slot() = Some(request.into_body());
        Ok(Response::new(Bytes::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::logs::LogRecord;
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use prost::Message;
    use std::time::SystemTime;

    #[tokio::test]
    async fn a_request_names_its_sender_and_has_all_its_records_in_order() {
        let host = Host {
            name: "nest".into(),
            ..Host::default()
        };
        let encoder = Encoder::new(&host, &Uri::from_static("http://127.0.0.1:4317/")).unwrap();
        let record = |n: i64| {
            let mut record = encoder.logger.create_log_record();
            record.set_observed_timestamp(SystemTime::now());
            record.add_attribute("n", n);
            record
        };
        // One batch after another: each request has its own records only.
        for numbers in [0..3, 3..515] {
            let records: Vec<_> = numbers.clone().map(record).collect();
            let request = encoder.request(&records).await.unwrap();
            let request = ExportLogsServiceRequest::decode(request).unwrap();
            let [resource] = &*request.resource_logs else {
                panic!("{request:?}")
            };
            let [scope] = &*resource.scope_logs else {
                panic!("{request:?}")
            };
            assert_eq!((&*resource.schema_url, &*scope.schema_url), (SCHEMA, SCHEMA));
            let named = scope.scope.as_ref().unwrap();
            assert_eq!((&*named.name, &*named.version), ("lapwing", VERSION));
            let facts = &resource.resource.as_ref().unwrap().attributes;
            let fact = |key: &str| facts.iter().find(|fact| fact.key == key).cloned();
            let expected = KeyValue::new("host.name", "nest");
            assert_eq!(fact("host.name").unwrap().value, Some(expected.value.into()));
            assert_eq!(fact("host.id"), None);
            let sent = scope.log_records.iter().map(|r| r.attributes[0].value.clone().unwrap());
            assert!(sent.eq(numbers.map(|n| opentelemetry::Value::from(n).into())));
        }
    }

    #[tokio::test]
    async fn an_alert_says_how_it_is_masked_or_by_what_it_is() {
        let host = Arc::new(Host::default());
        let encoder = Encoder::new(&host, &Uri::from_static("http://127.0.0.1:4317/")).unwrap();
        let mut alert = AlertRecord {
            alert: crate::outputs::test_alerts::alert(1),
            wall: crate::outputs::WallClock::now(),
            host,
            unwatched: None,
        };
        alert.alert.id = "1a2b-0-3c-0badf00d".into();
        let free = encoder.record(&alert);
        alert.alert.masked = Some(lapwing_engine::alert::MaskView {
            silence: "s".into(),
            author: "alice".into(),
            comment: "because".into(),
            until: "2026-11-21T12:00:00Z".into(),
        });
        let masked = encoder.record(&alert);
        let request = encoder.request(&[free, masked]).await.unwrap();
        let request = ExportLogsServiceRequest::decode(request).unwrap();
        let records = &request.resource_logs[0].scope_logs[0].log_records;
        let value = |record: usize, key: &str| {
            let found = records[record].attributes.iter().find(|attribute| attribute.key == key);
            found.map(|attribute| attribute.value.clone().unwrap())
        };
        let text = |text: &str| Some(opentelemetry::Value::from(text.to_owned()).into());
        let command = "lapwing mask add --alert 1a2b-0-3c-0badf00d --for 2h";
        assert_eq!(value(0, "lapwing.mask"), text(command));
        assert_eq!(value(0, "lapwing.masked.silence"), None);
        assert_eq!(value(1, "lapwing.mask"), None);
        for (key, expected) in [("silence", "s"), ("author", "alice"), ("comment", "because")] {
            assert_eq!(value(1, &format!("lapwing.masked.{key}")), text(expected));
        }
    }
}
