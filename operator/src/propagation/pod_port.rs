//! The admin port of an ingest pod, as the operator uses it. Plain HTTP: what is sent is signed.
//!
//! Who talks to one pod again and again keeps its connections ([`PodPort::kept`]) for as long as that pod lives: a kept one
//! that leads to a pod that is gone would hold up the next pod of that address. Whoever asks many now and then opens one
//! for each request. A connection that the pod has closed meanwhile is opened anew, by the client itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use penstock_model::WithCauses;
use penstock_tenancy::signed::LEDGER_BYTES_MAX;
use penstock_tenancy::{Checksum, TokenId};
use serde::Deserialize;

/// To open a connection to a pod.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// How long a kept connection may rest. The pod closes it after a minute: whoever goes first decides without a race.
const REST_MAX: Duration = Duration::from_secs(45);
/// From there to the last byte of its answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// A report of 20,000 tokens with four keys each is smaller.
const REPORT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Talks to admin ports. Clones share what is needed for it.
#[derive(Clone, Debug)]
pub struct PodPort {
    client: Client<HttpConnector, Full<Bytes>>,
    port: u16,
    bearer: String,
}

/// Which ledger a pod says it has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// Its revision; `None`: it has no ledger.
    pub revision: Option<u64>,
    /// Its checksum, if it was signed.
    #[serde(default, deserialize_with = "checksum")]
    pub checksum: Option<Checksum>,
}

/// What a pod answers to `GET /ledger`. Fields that it has and we do not ask for are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The ledger in force.
    #[serde(flatten)]
    pub answer: Answer,
    /// What each tenant uses there.
    #[serde(default)]
    pub tenants: Vec<TenantUse>,
    /// When each key was last used there.
    #[serde(default)]
    pub keys: Vec<KeyUse>,
}

/// What a tenant uses in one pod.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantUse {
    /// The tenant, 32 hexadecimal digits.
    pub tenant: String,
    /// Series with a point in the current UTC day.
    pub active_series: u64,
    /// Points that are stored there.
    #[serde(default)]
    pub points: u64,
    /// Bytes that their blocks take there.
    #[serde(default)]
    pub bytes: u64,
}

/// The use of one key in one pod.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyUse {
    /// The token's id.
    pub token: TokenId,
    /// Which of its keys.
    pub fingerprint: String,
    /// Milliseconds since 1970, to the minute; since the pod started.
    #[serde(default)]
    pub last_used: Option<i64>,
}

/// Why a pod has not taken or told anything.
#[derive(Debug, thiserror::Error)]
pub enum PodPortError {
    /// No connection, or no answer.
    #[error("the pod does not answer: {0}")]
    Silent(String),
    /// It has something newer, or other bytes of the same revision.
    #[error("the pod has another ledger: {0}")]
    Conflict(String),
    /// Another status.
    #[error("the pod answers {status}: {message}")]
    Status {
        /// The status.
        status: StatusCode,
        /// What stands in the answer, shortened.
        message: String,
    },
    /// The answer makes no sense.
    #[error("the pod's answer makes no sense")]
    Nonsense(#[from] serde_json::Error),
}

impl PodPort {
    /// For pods whose admin port is `port` and which know this bearer.
    pub fn new(port: u16, bearer: String) -> Self {
        Self {
            client: client(0),
            port,
            bearer,
        }
    }

    /// For one pod, with connections of its own that stay open between requests, at most `connections`, until it is
    /// dropped.
    #[must_use]
    pub fn kept(&self, connections: usize) -> Self {
        Self {
            client: client(connections),
            port: self.port,
            bearer: self.bearer.clone(),
        }
    }

    /// Delivers a signed ledger; answers which one the pod has now.
    ///
    /// # Errors
    /// [`PodPortError`]; it may have arrived even so.
    pub async fn post(&self, pod: IpAddr, document: Bytes) -> Result<Answer, PodPortError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.uri(pod, ""))
            .body(Full::new(document));
        let answer = self.ask(request, REPORT_BYTES_MAX).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// What the pod has and what is used there.
    ///
    /// # Errors
    /// [`PodPortError`].
    pub async fn report(&self, pod: IpAddr) -> Result<Report, PodPortError> {
        let answer = self.ask(self.get(pod, ""), REPORT_BYTES_MAX).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// The signed ledger that the pod has; `None`: it has none.
    ///
    /// # Errors
    /// [`PodPortError`].
    pub async fn document(&self, pod: IpAddr) -> Result<Option<Bytes>, PodPortError> {
        match self.ask(self.get(pod, "?full"), LEDGER_BYTES_MAX).await {
            Ok(document) => Ok(Some(document)),
            Err(PodPortError::Status { status, .. }) if status == StatusCode::NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn get(&self, pod: IpAddr, query: &str) -> http::Result<Request<Full<Bytes>>> {
        Request::builder()
            .uri(self.uri(pod, query))
            .header(AUTHORIZATION, format!("Bearer {}", self.bearer))
            .body(Full::default())
    }

    fn uri(&self, pod: IpAddr, query: &str) -> String {
        format!("http://{}/ledger{query}", SocketAddr::new(pod, self.port))
    }

    async fn ask(
        &self,
        request: http::Result<Request<Full<Bytes>>>,
        bytes_max: usize,
    ) -> Result<Bytes, PodPortError> {
        let silent = |reason: &dyn std::fmt::Display| PodPortError::Silent(reason.to_string());
        let request = request.map_err(|error| silent(&error))?;
        let asked = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| WithCauses(&error).to_string())?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), bytes_max).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            Ok::<_, String>((status, body))
        };
        let answered = tokio::time::timeout(CONNECT_MAX + ANSWER_MAX, asked).await;
        let (status, body) = answered
            .map_err(|_| silent(&"no answer in time"))?
            .map_err(|reason| silent(&reason))?;
        match status {
            status if status.is_success() => Ok(body),
            StatusCode::CONFLICT => Err(PodPortError::Conflict(quote(&body))),
            status => Err(PodPortError::Status {
                status,
                message: quote(&body),
            }),
        }
    }
}

fn client(connections: usize) -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_MAX));
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(REST_MAX)
        .pool_max_idle_per_host(connections)
        .build(connector)
}

/// The start of an answer, on one line.
fn quote(body: &[u8]) -> String {
    const CHARACTERS_MAX: usize = 300;
    let text = String::from_utf8_lossy(body);
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(CHARACTERS_MAX)
        .collect()
}

fn checksum<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Checksum>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom))
        .transpose()
}

#[cfg(test)]
mod tests;
