//! `/api/v1/export`: stored series as JSON lines, streamed.
//!
//! ```text
//!   Store::scan ─────────┬─▶ rows ──▶ LineRenderer ──▶ pieces ──▶ response body
//!   other servers' rows ─┘   └──────── a blocking thread ───────┘   └─ the loop ─┘
//! ```
//!
//! To another server the same rows go as frames ([`crate::volumes::frame`]).
//!
//! An export holds a batch of rows, a line and two pieces, however much it exports; a client that reads slowly makes
//! the thread wait, and one that stops reading ends the export. A read error breaks the connection off: what a
//! client takes for whole is whole.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use penstock_model::{Timestamp, WithCauses};
use penstock_store::error::{ErrorKind, StoreError};
use penstock_store::series::Selection;
use penstock_store::store::Store;
use tokio::sync::OwnedSemaphorePermit;

use super::context::HttpContext;
use super::error::ApiError;
use super::pieces::{self, Gone, PieceSender};
use super::reach::Reach;
use super::series_arguments::{self, SeriesArguments};
use crate::protocol::export::lines::LineRenderer;
use crate::read::united_scan::UnitedScan;
use crate::read::{ReadError, Reader};
use crate::volumes::{PeerRows, VOLUME_STALL, frame};

/// What `VictoriaMetrics` calls its lines.
const JSON_LINES: HeaderValue = HeaderValue::from_static("application/stream+json");
const FRAMES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const EXPORT: &str = "/api/v1/export";
/// Text that is gathered before it is sent, unless a single line is longer.
const TEXT_BYTES: usize = 16 * 1_024;

/// Answers an export.
pub(crate) async fn export(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let reader = context.authorize_read(&request)?;
    let reach = Reach::of(&context, &request);
    let SeriesArguments { asked, form } = series_arguments::read(&context, request).await?;
    let server = context.server();
    let (from, to) = match reach.window() {
        Some(window) => window,
        None => asked.export_window(server.clock.now()),
    };
    let (form_of_answer, turn) = if reach.is_passed_on() {
        (Form::Frames, server.volume_reads.turn()?)
    } else {
        let lines = LineRenderer::new(asked.line_rows());
        (Form::Lines(lines), server.exports.turn().await?)
    };
    let question = reach.question(EXPORT, form, (from, to));
    let peers = server.volumes.ask_for_rows(reach.others(), &question);
    let cut = reader.grant().cut().clone();
    let job = Job {
        store: server.store.clone(),
        from,
        to,
        selection: reader.scope().selection(asked.into_filters()),
        peers: peers.await?,
        own_place: server.volumes.own_place(reach.others()),
        _turn: turn,
        _reader: reader,
    };
    let (stall, content_type) = match form_of_answer {
        Form::Lines(_) => (server.exports.stall(), JSON_LINES),
        Form::Frames => (VOLUME_STALL, FRAMES),
    };
    let (pieces, received) = pieces::channel(stall);
    let received = received.until(cut);
    tokio::task::spawn_blocking(move || job.run(form_of_answer, pieces));
    // The first piece is waited for, so that an export which fails at once is an error and not a broken answer.
    let body = received.into_body().await?;
    Ok(([(CONTENT_TYPE, content_type)], body).into_response())
}

/// What is made of the rows.
enum Form {
    /// For a client.
    Lines(LineRenderer),
    /// For another server.
    Frames,
}

/// One export, on its thread.
struct Job {
    store: Store,
    selection: Selection,
    from: Timestamp,
    to: Timestamp,
    peers: Vec<PeerRows>,
    own_place: usize,
    _turn: OwnedSemaphorePermit,
    _reader: Reader,
}

impl Job {
    fn run(self, mut form: Form, mut pieces: PieceSender) {
        let tenant = self.selection.tenant;
        let scanned = self.store.scan(&self.selection, self.from, self.to);
        let rendered = scanned.map_err(ExportError::from).and_then(|scan| {
            let mut scan = UnitedScan::new(scan, self.peers, self.own_place);
            let mut send = |text: &[u8]| pieces.push(text);
            match &mut form {
                Form::Lines(lines) => render(&mut scan, lines, &mut send),
                Form::Frames => render_frames(&mut scan, &mut send),
            }
        });
        match rendered {
            Ok(()) => drop(pieces.end()),
            Err(ExportError::Gone(gone)) => {
                tracing::debug!(%tenant, reason = %gone, "export ended early");
            }
            Err(ExportError::Read(ReadError::Store(error))) => {
                if error.kind() != ErrorKind::Retry {
                    tracing::error!(error = %WithCauses(&error), %tenant, "export failed");
                }
                pieces.fail(ApiError::unreadable(&error));
            }
            Err(ExportError::Read(error)) => {
                tracing::warn!(%error, %tenant, "export failed");
                pieces.fail(error.into());
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
    Read(#[from] ReadError),
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

/// Somebody who takes text, or no longer does.
type Send<'a> = dyn FnMut(&[u8]) -> Result<(), Gone> + 'a;

/// Renders a scan for as long as `send` says that somebody takes it.
fn render(
    scan: &mut UnitedScan,
    lines: &mut LineRenderer,
    send: &mut Send<'_>,
) -> Result<(), ExportError> {
    let (mut rows, mut text) = (Vec::new(), Vec::new());
    scan.for_each::<ExportError>(&mut |identity, next| {
        lines.begin(identity);
        while next(&mut rows)? {
            for row in &rows {
                lines.push(row.time, row.value(), &mut text);
                if text.len() >= TEXT_BYTES {
                    send(&text)?;
                    text.clear();
                }
            }
        }
        lines.end(&mut text);
        Ok(())
    })?;
    Ok(send(&text)?)
}

/// The same for another server. Series without rows are left out.
fn render_frames(scan: &mut UnitedScan, send: &mut Send<'_>) -> Result<(), ExportError> {
    let (mut rows, mut out, mut series) = (Vec::new(), Vec::new(), 0);
    scan.for_each::<ExportError>(&mut |identity, next| {
        let mut is_first = true;
        while next(&mut rows)? {
            if std::mem::take(&mut is_first) {
                frame::put_series(identity.to_key().as_bytes(), &mut out);
                series += 1;
            }
            frame::put_rows(&rows, &mut out);
            if out.len() >= TEXT_BYTES {
                send(&out)?;
                out.clear();
            }
        }
        Ok(())
    })?;
    frame::put_end(series, &mut out);
    Ok(send(&out)?)
}

#[cfg(test)]
mod tests;
