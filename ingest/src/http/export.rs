//! `/api/v1/export`: stored series as JSON lines, streamed.
//!
//! ```text
//!   Store::scan ──▶ rows ──▶ LineRenderer ──▶ pieces ──▶ response body
//!   └──────────── a blocking thread ─────────────────┘   └─ the loop ─┘
//! ```
//!
//! An export holds a batch of rows, a line and two pieces, however much it exports; a client that reads slowly makes
//! the thread wait, and one that stops reading ends the export. A read error breaks the connection off: what a
//! client takes for whole is whole.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use penstock_model::Timestamp;
use penstock_store::error::{StoreError, WithCauses};
use penstock_store::scan::Scan;
use penstock_store::series::Selection;
use penstock_store::store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;
use super::pieces::{self, Gone, PieceSender};
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
/// Text that is gathered before it is sent, unless a single line is longer.
const TEXT_BYTES: usize = 16 * 1_024;

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

/// Answers an export.
pub(crate) async fn export(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let reader = context.authorize_read(&request)?;
    let SeriesArguments { asked, .. } = series_arguments::read(&context, request).await?;
    let server = context.server();
    let (from, to) = asked.export_window(server.clock.now());
    let (pieces, received) = pieces::channel(server.exports.stall);
    let job = Job {
        store: server.store.clone(),
        from,
        to,
        lines: LineRenderer::new(asked.line_rows()),
        selection: reader.scope().selection(asked.into_filters()),
        _turn: server.exports.turn().await?,
        _reader: reader,
    };
    tokio::task::spawn_blocking(move || job.run(pieces));
    // The first piece is waited for, so that an export which fails at once is an error and not a broken answer.
    let body = received.into_body().await?;
    Ok(([(CONTENT_TYPE, JSON_LINES)], body).into_response())
}

/// One export, on its thread.
struct Job {
    store: Store,
    selection: Selection,
    from: Timestamp,
    to: Timestamp,
    lines: LineRenderer,
    _turn: OwnedSemaphorePermit,
    _reader: Reader,
}

impl Job {
    fn run(mut self, mut pieces: PieceSender) {
        let tenant = self.selection.tenant;
        let scanned = self.store.scan(&self.selection, self.from, self.to);
        let rendered = scanned
            .map_err(ExportError::Store)
            .and_then(|mut scan| render(&mut scan, &mut self.lines, &mut |text| pieces.push(text)));
        match rendered {
            Ok(()) => drop(pieces.end()),
            Err(ExportError::Gone(gone)) => {
                tracing::debug!(%tenant, reason = %gone, "export ended early");
            }
            Err(ExportError::Store(error)) => {
                tracing::error!(error = %WithCauses(&error), %tenant, "export failed");
                pieces.fail(ApiError::unreadable(&error));
            }
        }
    }
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Gone(#[from] Gone),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Renders a scan for as long as `send` says that somebody takes it.
fn render(
    scan: &mut Scan,
    lines: &mut LineRenderer,
    send: &mut dyn FnMut(&[u8]) -> Result<(), Gone>,
) -> Result<(), ExportError> {
    let (mut rows, mut text) = (Vec::new(), Vec::new());
    while let Some(mut series) = scan.next_series()? {
        lines.begin(series.identity());
        while series.next_batch(&mut rows)? {
            for row in &rows {
                lines.push(row.time, row.value(), &mut text);
                if text.len() >= TEXT_BYTES {
                    send(&text)?;
                    text.clear();
                }
            }
        }
        lines.end(&mut text);
    }
    Ok(send(&text)?)
}

#[cfg(test)]
mod tests;
