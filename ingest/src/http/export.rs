//! `/api/v1/export`: stored series as JSON lines, streamed.
//!
//! ```text
//!   Store::scan ──▶ rows ──▶ LineRenderer ──▶ pieces of 64 KiB ──▶ channel of 1 ──▶ response body
//!   └──────────── a blocking thread ─────────────────────────────┘   └─ the loop ─┘
//! ```
//!
//! An export holds a batch of rows, a line and two pieces, however much it exports; a client that reads slowly makes
//! the thread wait, and one that stops reading ends the export. A read error breaks the connection off: what a
//! client takes for whole is whole.

use std::io;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use penstock_model::Timestamp;
use penstock_store::error::{StoreError, WithCauses};
use penstock_store::scan::Scan;
use penstock_store::series::Selection;
use penstock_store::store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::error::ApiError;
use super::router::HttpContext;
use super::series_arguments::{self, SeriesArguments};
use crate::protocol::export::lines::LineRenderer;
use crate::read::Reader;

/// What `VictoriaMetrics` calls its lines.
const JSON_LINES: HeaderValue = HeaderValue::from_static("application/stream+json");
/// Exports that run at the same time in the process; others wait for their turn.
const EXPORTS_MAX: usize = 8;
/// How long they wait.
const TURN_WAIT: Duration = Duration::from_secs(2);
/// Bytes of a piece, unless a single line is longer.
const PIECE_BYTES: usize = 64 * 1_024;

/// Bounds what all exports of a process take together.
#[derive(Debug, Clone)]
pub struct Exports {
    turns: Arc<Semaphore>,
    stall: Duration,
}

impl Exports {
    /// `stall` is how long a client may leave a piece of an export unread.
    pub fn new(stall: Duration) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(EXPORTS_MAX)),
            stall,
        }
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(TURN_WAIT, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(ApiError::overloaded("too many exports are running")),
        }
    }
}

/// What the thread tells the response. A channel that ends without one of the latter two ended too early.
enum Piece {
    Lines(Bytes),
    Failed(StoreError),
    End,
}

/// Answers an export.
pub(crate) async fn export(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let reader = context.authorize_read(&request)?;
    let SeriesArguments { asked, .. } = series_arguments::read(&context, request).await?;
    let server = context.server();
    let (from, to) = asked.export_window(server.clock.now());
    let (pieces, received) = mpsc::channel(1);
    let job = Job {
        store: server.store.clone(),
        from,
        to,
        lines: LineRenderer::new(asked.line_rows()),
        selection: reader.scope().selection(asked.into_filters()),
        pieces: PieceSender {
            pieces,
            stall: server.exports.stall,
            runtime: tokio::runtime::Handle::current(),
        },
        _turn: server.exports.turn().await?,
        _reader: reader,
    };
    tokio::task::spawn_blocking(move || job.run());
    respond(received).await
}

/// Waits for the first piece, so that an export which fails at once is an error and not a broken answer.
async fn respond(mut received: mpsc::Receiver<Piece>) -> Result<Response, ApiError> {
    let mut first = match received.recv().await {
        Some(Piece::Failed(error)) => {
            return Err(ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The stored data could not be read",
            )
            .with_details(error.to_string()));
        }
        first => Some(first),
    };
    let mut ended = false;
    let body = stream::poll_fn(move |context| {
        if ended {
            return Poll::Ready(None);
        }
        let piece = match first.take() {
            Some(first) => first,
            None => ready!(received.poll_recv(context)),
        };
        Poll::Ready(match piece {
            Some(Piece::Lines(bytes)) => Some(Ok(bytes)),
            Some(Piece::End) => {
                ended = true;
                None
            }
            Some(Piece::Failed(_)) | None => {
                ended = true;
                Some(Err(io::Error::other("the export broke off")))
            }
        })
    });
    Ok(([(CONTENT_TYPE, JSON_LINES)], Body::from_stream(body)).into_response())
}

/// One export, on its thread.
struct Job {
    store: Store,
    selection: Selection,
    from: Timestamp,
    to: Timestamp,
    lines: LineRenderer,
    pieces: PieceSender,
    _turn: OwnedSemaphorePermit,
    _reader: Reader,
}

impl Job {
    fn run(mut self) {
        let tenant = self.selection.tenant;
        let scanned = self.store.scan(&self.selection, self.from, self.to);
        let sent = scanned.and_then(|mut scan| {
            render(&mut scan, &mut self.lines, &mut |piece| {
                self.pieces.send(Piece::Lines(piece))
            })
        });
        let last = match sent {
            Ok(Sent::All) => Piece::End,
            Ok(Sent::NobodyListens) => {
                tracing::debug!(%tenant, "the client left an export unread");
                return;
            }
            Err(error) => {
                tracing::error!(error = %WithCauses(&error), %tenant, "export failed");
                Piece::Failed(error)
            }
        };
        // Nobody left to tell is fine.
        self.pieces.send(last);
    }
}

struct PieceSender {
    pieces: mpsc::Sender<Piece>,
    stall: Duration,
    runtime: tokio::runtime::Handle,
}

impl PieceSender {
    /// Whether the client takes it within the time it has.
    fn send(&self, piece: Piece) -> bool {
        let sending = async { tokio::time::timeout(self.stall, self.pieces.send(piece)).await };
        matches!(self.runtime.block_on(sending), Ok(Ok(())))
    }
}

/// How far an export came.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    All,
    NobodyListens,
}

/// Renders a scan piece by piece, for as long as `send` says that somebody takes them.
fn render(
    scan: &mut Scan,
    lines: &mut LineRenderer,
    send: &mut dyn FnMut(Bytes) -> bool,
) -> Result<Sent, StoreError> {
    let mut out = Vec::new();
    let mut rows = Vec::new();
    let mut send_if_long =
        |out: &mut Vec<u8>| out.len() < PIECE_BYTES || send(std::mem::take(out).into());
    while let Some(mut series) = scan.next_series()? {
        lines.begin(series.identity());
        while series.next_batch(&mut rows)? {
            for row in &rows {
                lines.push(row.time, row.value(), &mut out);
                if !send_if_long(&mut out) {
                    return Ok(Sent::NobodyListens);
                }
            }
        }
        lines.end(&mut out);
        if !send_if_long(&mut out) {
            return Ok(Sent::NobodyListens);
        }
    }
    if out.is_empty() || send(out.into()) {
        Ok(Sent::All)
    } else {
        Ok(Sent::NobodyListens)
    }
}

#[cfg(test)]
mod tests;
