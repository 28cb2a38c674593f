//! OTLP/gRPC.

use std::{error::Error, time::Duration};

use hyper::{
    HeaderMap,
    http::{Extensions, uri::PathAndQuery},
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::{
    Message,
    bytes::{BufMut, Bytes},
};
use tonic::{
    Code, Request, Status, client,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
    transport::{Channel, ClientTlsConfig},
};
use tonic_types::StatusExt;

use super::{Outcome, endpoint::Endpoint, endpoint::OtlpError};
use crate::client::reasons;

/// The call that takes logs.
const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// A collector, connected when needed.
pub(super) struct Grpc {
    client: client::Grpc<Channel>,
    metadata: MetadataMap,
}

impl Grpc {
    pub(super) fn new(endpoint: Endpoint) -> Result<Grpc, OtlpError> {
        let mut channel = Channel::builder(endpoint.uri)
            .user_agent(concat!("lapwing/", env!("CARGO_PKG_VERSION")))
            .map_err(tls)?
            .connect_timeout(endpoint.timeout)
            .timeout(endpoint.timeout)
            // A peer that vanished without a word is noticed, also between requests that time out.
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(endpoint.timeout);
        if let Some(trusted) = endpoint.tls {
            let config = ClientTlsConfig::new().trust_anchors(trusted.roots);
            channel = channel.tls_config(config).map_err(tls)?;
        }
        let metadata = MetadataMap::from_headers(endpoint.headers.into_iter().collect::<HeaderMap>());
        Ok(Grpc {
            client: client::Grpc::new(channel.connect_lazy()),
            metadata,
        })
    }

    /// `request` is an encoded `ExportLogsServiceRequest`.
    pub(super) async fn send(&self, request: Bytes) -> Outcome {
        match self.export(request).await {
            Ok(response) => Outcome::accepted(response),
            Err(status) => outcome(&status),
        }
    }

    async fn export(&self, request: Bytes) -> Result<ExportLogsServiceResponse, Status> {
        let request = Request::from_parts(self.metadata.clone(), Extensions::new(), request);
        let mut client = self.client.clone();
        client
            .ready()
            .await
            .map_err(|error| Status::unavailable(reasons(&error)))?;
        let response = client
            .unary(request, PathAndQuery::from_static(EXPORT), Encoded)
            .await?;
        Ok(response.into_inner())
    }
}

/// Requests are encoded already; answers are not decoded yet.
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportLogsServiceResponse;
    type Encoder = Encoded;
    type Decoder = Encoded;

    fn encoder(&mut self) -> Encoded {
        Encoded
    }

    fn decoder(&mut self) -> Encoded {
        Encoded
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, request: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(request);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportLogsServiceResponse;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<ExportLogsServiceResponse>, Status> {
        let response = ExportLogsServiceResponse::decode(buffer);
        response.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

fn tls(error: tonic::transport::Error) -> OtlpError {
    OtlpError::Tls(reasons(&error))
}

/// Which answers may be repeated is OTLP's specification's; an answer that is not gRPC's at all is a collector that is not (yet) there.
fn outcome(status: &Status) -> Outcome {
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let mut why = format!("the collector answers {:?}: {}", status.code(), status.message());
    if let Some(source) = status.source() {
        why = format!("{why} ({})", reasons(source));
    }
    let later = match status.code() {
        Code::Cancelled | Code::DeadlineExceeded | Code::Aborted => true,
        Code::OutOfRange | Code::Unavailable | Code::DataLoss => true,
        Code::ResourceExhausted => after.is_some(),
        _ => status.source().is_some(),
    };
    if later {
        Outcome::Later { after, why }
    } else {
        Outcome::Refused { why }
    }
}
