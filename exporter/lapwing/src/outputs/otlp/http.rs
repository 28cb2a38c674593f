//! OTLP/HTTP with protobuf bodies. One connection for each batch: at most a few a second.

use std::time::Duration;

use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message;
use tokio_rustls::{TlsConnector, rustls::RootCertStore};
use tonic_types::pb;

use super::{Outcome, endpoint::Endpoint, endpoint::OtlpError};
use crate::{
    client::{Failure, exchange, reasons},
    tls,
};

/// No honest answer is longer.
const MAX_ANSWER: usize = 64 * 1024;

/// A collector.
pub(super) struct Http {
    endpoint: Endpoint,
    tls: Option<TlsConnector>,
}

impl Http {
    pub(super) fn new(endpoint: Endpoint) -> Result<Http, OtlpError> {
        let tls = endpoint.tls.clone().map(connector).transpose()?;
        Ok(Http { endpoint, tls })
    }

    /// `request` is an encoded `ExportLogsServiceRequest`.
    pub(super) async fn send(&self, request: Bytes) -> Outcome {
        let attempt = tokio::time::timeout(self.endpoint.timeout, self.post(request));
        match attempt.await {
            Ok(Ok(answer)) => answer.outcome(),
            Ok(Err(error)) => Outcome::Later {
                after: None,
                why: format!("cannot reach {}: {}", self.endpoint.uri, reasons(&*error)),
            },
            Err(_) => {
                let why = format!(
                    "{} did not answer within {:?}",
                    self.endpoint.uri, self.endpoint.timeout
                );
                Outcome::Later { after: None, why }
            }
        }
    }

    async fn post(&self, body: Bytes) -> Result<Answer, Failure> {
        let mut request = Request::post(self.endpoint.uri.path())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(body))?;
        request.headers_mut().extend(self.endpoint.headers.iter().cloned());
        let response = exchange(&self.endpoint.uri, self.tls.as_ref(), request, MAX_ANSWER).await?;
        Ok(Answer::read(response))
    }
}

fn connector(trusted: RootCertStore) -> Result<TlsConnector, OtlpError> {
    let config = tls::client(trusted, None).map_err(OtlpError::Tls)?;
    Ok(TlsConnector::from(config))
}

/// What the collector said.
struct Answer {
    status: StatusCode,
    json: bool,
    retry_after: Option<Duration>,
    body: Bytes,
}

impl Answer {
    fn read(response: Response<Bytes>) -> Answer {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let json = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
        let retry_after = header(RETRY_AFTER)
            .and_then(|text| text.trim().parse().ok())
            .map(Duration::from_secs);
        Answer {
            status: response.status(),
            json,
            retry_after,
            body: response.into_body(),
        }
    }

    /// By OTLP's specification: 429, 502, 503 and 504 may be repeated, every other failure must not.
    fn outcome(self) -> Outcome {
        if self.status.is_success() {
            let response = if self.json {
                from_json(&self.body)
            } else {
                ExportLogsServiceResponse::decode(&*self.body).ok()
            };
            return response.map_or_else(|| Outcome::Unconfirmed { why: self.text() }, Outcome::accepted);
        }
        match self.status.as_u16() {
            429 | 502 | 503 | 504 => Outcome::Later {
                after: self.retry_after,
                why: self.text(),
            },
            _ => Outcome::Refused { why: self.text() },
        }
    }

    fn text(&self) -> String {
        let said = match pb::Status::decode(&*self.body) {
            Ok(status) => status.message,
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        };
        let short: String = said.chars().take(200).collect();
        format!("the collector answers {} {:?}", self.status, short)
    }
}

/// Some receivers answer in JSON whatever they were sent.
fn from_json(body: &[u8]) -> Option<ExportLogsServiceResponse> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let partial = answer.as_object()?.get("partialSuccess");
    let partial_success = partial.map(|partial| {
        let rejected = &partial["rejectedLogRecords"];
        // 64-bit numbers are text in protobuf's JSON.
        let rejected = rejected.as_i64().or_else(|| rejected.as_str()?.parse().ok());
        ExportLogsPartialSuccess {
            rejected_log_records: rejected.unwrap_or(0),
            error_message: partial["errorMessage"].as_str().unwrap_or_default().to_owned(),
        }
    });
    Some(ExportLogsServiceResponse { partial_success })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, json: bool, body: &[u8]) -> Outcome {
        let retry_after = Some(Duration::from_secs(7));
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            json,
            retry_after,
            body: Bytes::copy_from_slice(body),
        }
        .outcome()
    }

    #[test]
    fn answers_are_judged_by_the_specification() {
        let accepted = |rejected, message: &str| Outcome::Accepted {
            rejected,
            message: message.into(),
        };
        assert_eq!(outcome(200, false, b""), accepted(0, ""));
        assert_eq!(outcome(200, true, b"{}"), accepted(0, ""));
        let partial = br#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}"#;
        assert_eq!(outcome(200, true, partial), accepted(3, "too old"));
        let partial = ExportLogsPartialSuccess {
            rejected_log_records: 2,
            error_message: "no".into(),
        };
        let partial = ExportLogsServiceResponse {
            partial_success: Some(partial),
        }
        .encode_to_vec();
        assert_eq!(outcome(200, false, &partial), accepted(2, "no"));
        for page in ["<html>hello</html>", "OK", "\u{1}\u{2}"] {
            assert!(
                matches!(outcome(200, false, page.as_bytes()), Outcome::Unconfirmed { .. }),
                "{page:?}"
            );
        }
        assert!(matches!(outcome(200, true, b"[]"), Outcome::Unconfirmed { .. }));
        for status in [429, 502, 503, 504] {
            let outcome = outcome(status, false, b"");
            assert!(
                matches!(outcome, Outcome::Later { after: Some(_), .. }),
                "{status}: {outcome:?}"
            );
        }
        for status in [301, 400, 401, 404, 413, 500, 501] {
            assert!(
                matches!(outcome(status, false, b"why"), Outcome::Refused { .. }),
                "{status}"
            );
        }
        let status = pb::Status {
            code: 3,
            message: "bad record".into(),
            ..pb::Status::default()
        }
        .encode_to_vec();
        assert!(matches!(outcome(400, false, &status), Outcome::Refused { why } if why.contains("bad record")));
    }
}
