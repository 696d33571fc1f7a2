//! Posts to the collector, with the HTTP client that the rest of the sidecar uses.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use crate::config::OtelConfig;

/// A collector has little to say.
const MOST_ANSWER: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(5);

/// One collector.
pub(super) struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: String,
    headers: HeaderMap,
}

/// Why it has not taken the spans.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    #[error("{0}")]
    Request(#[from] http::Error),
    #[error("no answer: {0:?}")]
    Away(#[from] hyper_util::client::legacy::Error),
    #[error("it answered {status}: {text}")]
    Refused { status: u16, text: String },
    #[error("it left out {count} spans: {reason}")]
    Partly { count: u64, reason: String },
}

impl Collector {
    pub(super) fn new(settings: &OtelConfig) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT));
        let tls = crate::tls::client_config(true);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new()).build(connector.wrap_connector(http));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &settings.headers {
            // The configuration has been checked.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()))
            {
                headers.insert(name, value);
            }
        }
        Self { client, endpoint: settings.endpoint.to_string(), headers }
    }

    pub(super) async fn post(&self, body: String) -> Result<(), ExportError> {
        let mut request = Request::builder().method(Method::POST).uri(&self.endpoint).body(Full::new(body.into()))?;
        request.headers_mut().extend(self.headers.clone());
        let answer = self.client.request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST_ANSWER).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body).chars().take(200).collect();
            return Err(ExportError::Refused { status: status.as_u16(), text });
        }
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let partly = &answer["partialSuccess"];
        // A whole number of 64 bits is a text in OTLP's JSON.
        let left_out = &partly["rejectedSpans"];
        let count = left_out.as_u64().or_else(|| left_out.as_str()?.parse().ok()).unwrap_or_default();
        if count > 0 {
            let reason = partly["errorMessage"].as_str().unwrap_or_default().to_owned();
            return Err(ExportError::Partly { count, reason });
        }
        Ok(())
    }
}
