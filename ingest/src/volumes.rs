//! The data volumes of the whole service: a read or a delete asks the server of every one.
//!
//! ```text
//!   client ──▶ server of volume a ──┬──▶ its own store
//!              the caller's request │
//!                                   ├──▶ server of volume b ──▶ its own store, and nobody else
//!                                   └──▶ server of volume c ──▶   "
//! ```
//!
//! Any server takes any point, so an application's data lies on all volumes, and one series may lie on several. The
//! ledger lists the volumes. A server that is asked by a client asks the servers of all other volumes with the caller's own
//! credentials ([`Volumes::ask`]) and merges; one that is asked by another server ([`Volumes::recognize`]) answers of its own
//! volume alone, so there is no loop. A volume that does not answer, or stops in the midst of an answer, fails the whole:
//! never is a part handed out as the whole.
//!
//! `docs/decisions/0008-a-read-asks-every-volume.md` says why it is done like this. What is not here: what is asked, and how
//! answers are merged: the endpoints under `http`.

pub mod asker;
mod client;
mod elsewhere;
mod error;
pub mod frame;
mod mark;
mod peer_rows;
mod trust;
pub mod united;
pub mod wanted;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::Full;
use hyper::body::Incoming;
use parking_lot::RwLock;
use penstock_tenancy::{Ledger, LedgerVolume};

pub use self::asker::Asker;
use self::client::PeerClient;
pub use self::elsewhere::Elsewhere;
pub use self::error::VolumeError;
use self::mark::Mark;
pub use self::mark::{FromServer, Window};
pub use self::peer_rows::PeerRows;
use crate::http::error::ApiError;
use crate::listener::tls::Tls;

/// How long a server that asked for rows may leave them unread: it may be at other volumes' rows, for a client that is
/// slow. One that is gone closes its connection.
pub const VOLUME_STALL: Duration = Duration::from_hours(1);

/// What a server knows of the volumes of the service. One in a process.
#[derive(Debug)]
pub struct Volumes {
    own: Option<String>,
    mark: Mark,
    client: PeerClient,
    stall: Duration,
    others: RwLock<Arc<[LedgerVolume]>>,
}

/// How a server knows itself and trusts others.
#[derive(Debug)]
pub struct VolumesConfig {
    /// The name of its own volume in the ledger's list.
    pub own: Option<String>,
    /// The secret that the servers of one installation share.
    pub bearer_file: Option<PathBuf>,
    /// What it serves itself; with none, others are asked in plain text.
    pub tls: Option<Tls>,
    /// Authorities that may have signed what others serve, besides those in its own chain. Need not exist.
    pub ca_file: PathBuf,
    /// How long another server may be silent.
    pub stall: Duration,
}

/// Who asks, as far as it is passed on to other servers.
#[derive(Debug, Clone)]
pub struct Caller {
    credentials: HeaderMap,
    source: IpAddr,
}

/// A request to the server of another volume.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// On whose behalf.
    pub caller: &'a Caller,
    /// As the client's.
    pub method: Method,
    /// As the client's, in its one form.
    pub path_and_query: &'a str,
    /// Of the body.
    pub content_type: Option<&'a str>,
    /// As the client's.
    pub body: Bytes,
    /// The moments that the client's words mean, so that all servers read the same.
    pub window: Option<Window>,
}

impl Caller {
    /// The caller of a request that came from `source`.
    pub fn of(headers: &HeaderMap, source: IpAddr) -> Self {
        let mut credentials = HeaderMap::new();
        for name in mark::CREDENTIALS {
            if let Some(value) = headers.get(&name) {
                credentials.insert(name, value.clone());
            }
        }
        Self {
            credentials,
            source,
        }
    }
}

impl Volumes {
    /// Knows no other volume yet.
    pub fn new(config: VolumesConfig) -> Self {
        Self {
            own: config.own,
            mark: Mark::new(config.bearer_file),
            client: PeerClient::new(config.tls, config.ca_file),
            stall: config.stall,
            others: RwLock::new(Arc::from([])),
        }
    }

    /// The only server of a service, whatever a ledger says of it.
    pub fn alone() -> Self {
        Self::new(VolumesConfig {
            own: None,
            bearer_file: None,
            tls: None,
            ca_file: PathBuf::new(),
            stall: Duration::ZERO,
        })
    }

    /// Goes on with the list of a newer ledger.
    pub fn load(&self, ledger: &Ledger) {
        let others = ledger
            .volumes
            .iter()
            .filter(|volume| Some(&volume.name) != self.own.as_ref())
            .cloned()
            .collect();
        *self.others.write() = others;
    }

    /// Every volume but this server's own, in the order of their names.
    pub fn others(&self) -> Arc<[LedgerVolume]> {
        Arc::clone(&self.others.read())
    }

    /// The place of this server's own volume among the [`Volumes::others`]: it comes before the one at this place.
    pub fn own_place(&self, others: &[LedgerVolume]) -> usize {
        let own = self.own.as_deref().unwrap_or_default();
        others.partition_point(|volume| *volume.name < *own)
    }

    /// Whether a request came from another server of the installation.
    ///
    /// # Errors
    /// It says so and is none, 403; or it means another volume, 421: the name has led to the wrong server.
    pub fn recognize(&self, headers: &HeaderMap) -> Result<Option<FromServer>, ApiError> {
        self.mark.recognize(headers, self.own.as_deref())
    }

    /// Asks the server of one volume and waits for the head of its answer, which is a success.
    ///
    /// # Errors
    /// [`VolumeError`].
    pub async fn ask(
        &self,
        volume: &LedgerVolume,
        question: &Question<'_>,
    ) -> Result<http::Response<Incoming>, VolumeError> {
        let request = self.request(volume, question)?;
        let answer = tokio::time::timeout(self.stall, self.client.send(request)).await;
        let answer = answer
            .map_err(|_| VolumeError::silent(volume, self.stall))?
            .map_err(|error| VolumeError::unreachable(volume, &error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let reading = error::refusal(volume, answer);
        match tokio::time::timeout(self.stall, reading).await {
            Ok(refusal) => Err(refusal),
            Err(_) => Err(VolumeError::silent(volume, self.stall)),
        }
    }

    /// Asks all these volumes at once; the answers are in their order.
    ///
    /// # Errors
    /// The first [`VolumeError`] in their order.
    pub async fn ask_all(
        &self,
        others: &[LedgerVolume],
        question: &Question<'_>,
    ) -> Result<Vec<http::Response<Incoming>>, VolumeError> {
        let asking = others.iter().map(|volume| self.ask(volume, question));
        let answers = futures_util::future::join_all(asking).await;
        answers.into_iter().collect()
    }

    /// Asks all these volumes for rows; each is then read on a blocking thread.
    ///
    /// # Errors
    /// The first [`VolumeError`] in their order.
    pub async fn ask_for_rows(
        &self,
        others: &[LedgerVolume],
        question: &Question<'_>,
    ) -> Result<Vec<PeerRows>, VolumeError> {
        let answers = self.ask_all(others, question).await?;
        let rows = others.iter().zip(answers);
        Ok(rows
            .map(|(volume, answer)| PeerRows::new(volume, answer.into_body(), self.stall))
            .collect())
    }

    fn request(
        &self,
        volume: &LedgerVolume,
        question: &Question<'_>,
    ) -> Result<Request<Full<Bytes>>, VolumeError> {
        // The scheme is a word of the client library; what is spoken is what this server speaks itself.
        let uri = format!("http://{}{}", volume.address, question.path_and_query);
        let mut request = Request::builder()
            .method(question.method.clone())
            .uri(uri)
            .body(Full::new(question.body.clone()))
            .map_err(|error| VolumeError::unreachable(volume, &error))?;
        let headers = request.headers_mut();
        headers.extend(question.caller.credentials.clone());
        if let Some(Ok(value)) = question.content_type.map(http::HeaderValue::from_str) {
            headers.insert(http::header::CONTENT_TYPE, value);
        }
        self.mark
            .put(headers, volume, question.caller.source, question.window)
            .map_err(|error| VolumeError::unreachable(volume, &error))?;
        Ok(request)
    }
}
