//! What the parts of a running server share: handlers and sessions are given it, `server` puts it together.

use std::sync::Arc;

use penstock_model::Clock;
use penstock_store::store::Store;
use tokio_util::sync::CancellationToken;

use crate::auth::Authenticator;
use crate::buffer_pool::BufferPool;
use crate::config::Timeouts;
use crate::connection::TelnetContext;
use crate::http::body::BodyReader;
use crate::http::cors::Cors;
use crate::http::lookups::Lookups;
use crate::http::query::turns::Queries;
use crate::http::turns::{Exports, VolumeReads};
use crate::telemetry::Metrics;
use crate::volumes::Volumes;
use crate::write::EventLoop;

/// What all loops share.
#[derive(Debug)]
pub struct ServerContext {
    /// The store.
    pub store: Store,
    /// The clock that everybody asks.
    pub clock: Arc<dyn Clock>,
    /// Credentials to grants.
    pub authenticator: Arc<Authenticator>,
    /// Request bodies, within one budget.
    pub bodies: BodyReader,
    /// How many exports may run.
    pub exports: Exports,
    /// How many look-ups may run.
    pub lookups: Lookups,
    /// Which pages of other origins may read answers.
    pub cors: Cors,
    /// The data volumes of the whole service.
    pub volumes: Arc<Volumes>,
    /// How much may be read for other servers.
    pub volume_reads: VolumeReads,
    /// How many queries may run.
    pub queries: Queries,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// What is counted.
    pub metrics: Metrics,
    /// Cancelled when the server stops: finish what has been read and close.
    pub stopping: CancellationToken,
}

/// What belongs to one loop: every connection of the loop has it.
#[derive(Debug)]
pub struct LoopContext {
    /// What all loops share.
    pub server: Arc<ServerContext>,
    /// The loop's writing side.
    pub events: Arc<EventLoop>,
    /// What TLS reads into.
    pub buffers: Arc<BufferPool>,
    /// What its telnet sessions share.
    pub telnet: TelnetContext,
}
