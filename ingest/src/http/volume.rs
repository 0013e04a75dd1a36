//! `/api/v1/volume/...`: what a server asks of another on behalf of a query; for a client they are not there.
//!
//! | path | takes | answers |
//! |---|---|---|
//! | `names` | a question, JSON | whether the name is known here, rollups, JSON |
//! | `series` | what is wanted, JSON | the keys of series that have it, frames |
//! | `rows` | keys of series, frames | their rows in the window of the request, in the order of the keys, frames |
//! | `delete` | keys of series, frames | deletes their samples in the window; 204 once that is on stable storage |
//!
//! The token of the client is checked as if the client had come itself, and its scope holds. Limits of a request are
//! the asking server's to keep: it sees the whole.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use penstock_model::SeriesKey;
use penstock_query::{Name, SeriesSource};
use penstock_store::SeriesId;
use penstock_store::error::StoreError;
use penstock_store::scan::window::Window as StoreWindow;
use penstock_store::store::Store;
use penstock_tenancy::Permission;
use tokio::sync::OwnedSemaphorePermit;

use super::context::HttpContext;
use super::error::{ApiError, JSON};
use super::pieces::{self, Gone, PieceSender};
use crate::read::{Reader, SourceError, StoreSource};
use crate::volumes::frame::{self, Frame};
use crate::volumes::wanted::{NamesAnswer, NamesQuestion, NotUnderstood, WantedSeries};
use crate::volumes::{FromServer, VOLUME_STALL, Window};

const FRAMES: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// A request names 4,096 series at most.
const BODY_BYTES_MAX: u64 = 16 << 20;

/// A question of another server.
struct Asked {
    store: Store,
    reader: Reader,
    window: Option<Window>,
    body: Bytes,
    _turn: OwnedSemaphorePermit,
}

impl Asked {
    async fn of(context: &HttpContext, request: Request) -> Result<Self, ApiError> {
        let Some(from) = request.extensions().get::<FromServer>().copied() else {
            return Err(ApiError::new(StatusCode::NOT_FOUND, "Endpoint not found"));
        };
        let grant = context.authorize_any(&request)?;
        if grant.permission() == Permission::Write {
            grant.require_delete()?;
        }
        let server = context.server();
        let turn = server.volume_reads.turn()?;
        let (head, body) = request.into_parts();
        let body = server
            .bodies
            .read(&head.headers, body, BODY_BYTES_MAX)
            .await?;
        Ok(Self {
            store: server.store.clone(),
            reader: Reader::charged_elsewhere(grant),
            window: from.window,
            body: Bytes::from(body.to_vec()),
            _turn: turn,
        })
    }

    fn source(&self) -> Result<StoreSource, ApiError> {
        let scope = self.reader.scope().clone();
        let source = StoreSource::new(self.store.clone(), scope, false);
        let source = source.map_err(|error| ApiError::unreadable(&error))?;
        Ok(source.passing_over_unknown_tsuids())
    }

    /// The series that are named, as far as they are here and in the scope; `None` for the others.
    fn series(&self) -> Result<Vec<(SeriesKey, Option<SeriesId>)>, ApiError> {
        let (mut rest, mut rows, mut series) = (&self.body[..], Vec::new(), Vec::new());
        loop {
            let length = frame::length(rest).ok().flatten().ok_or_else(damaged)?;
            let (first, behind) = rest.split_at_checked(length).ok_or_else(damaged)?;
            match frame::read(first, &mut rows) {
                Ok(Frame::Series(key)) => {
                    let key = SeriesKey::from_bytes(key).map_err(|_| damaged())?;
                    let identity = key.decode().map_err(|_| damaged())?;
                    let seen = self.reader.scope().sees(&identity);
                    let id = seen.then(|| self.store.series().find_key(&key)).flatten();
                    series.push((key, id));
                }
                Ok(Frame::End(_)) if behind.is_empty() => return Ok(series),
                _ => return Err(damaged()),
            }
            rest = behind;
        }
    }
}

/// Answers a question about names.
pub(crate) async fn names(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::of(&context, request).await?;
    let answering = tokio::task::spawn_blocking(move || {
        let question = parse(&asked.body)?;
        let source = asked.source()?;
        let known = |name| match source.knows(name) {
            Ok(known) => Ok(NamesAnswer {
                known,
                rollups: Vec::new(),
            }),
            Err(error) => Err(unreadable(error)),
        };
        match &question {
            NamesQuestion::Metric(name) => known(Name::Metric(name)),
            NamesQuestion::TagKey(name) => known(Name::TagKey(name)),
            NamesQuestion::TagValue(name) => known(Name::TagValue(name)),
            NamesQuestion::Tsuid(tsuid) => Ok(NamesAnswer {
                known: source.knows_tsuid(tsuid),
                rollups: Vec::new(),
            }),
            NamesQuestion::RollupsOf(metric) => source
                .rollups(metric)
                .map(|rollups| NamesAnswer::of_rollups(&rollups))
                .map_err(unreadable),
        }
    });
    let answer = answering.await.map_err(|_| stopped())??;
    // Strings only: it cannot fail.
    let answer = serde_json::to_vec(&answer).unwrap_or_default();
    Ok(([(CONTENT_TYPE, JSON)], answer).into_response())
}

/// Answers the series that have what is wanted, in the order of their keys.
pub(crate) async fn series(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::of(&context, request).await?;
    stream(move |pieces| {
        let wanted: WantedSeries = parse(&asked.body)?;
        let wanted = wanted.into_selection().map_err(not_understood)?;
        let mut source = asked.source()?;
        let found = source.select(&wanted).map_err(unreadable)?.len();
        let mut keys: Vec<SeriesKey> = (0..found).filter_map(|place| source.key(place)).collect();
        keys.sort_unstable();
        let mut out = Vec::new();
        for key in &keys {
            frame::put_series(key.as_bytes(), &mut out);
            push_if_long(&mut out, pieces)?;
        }
        end(keys.len(), out, pieces)
    })
    .await
}

/// Answers the rows of series in the order in which they are named. One that is not here, or not to be seen, has none.
pub(crate) async fn rows(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::of(&context, request).await?;
    stream(move |pieces| {
        let Some(Window { from, to }) = asked.window else {
            return Err(damaged().into());
        };
        let named = asked.series()?;
        let snapshot = asked.store.snapshot()?;
        let ids: Vec<SeriesId> = named.iter().filter_map(|(_, id)| *id).collect();
        let wanted = ids.iter().map(|id| id.0).collect();
        let mut window =
            StoreWindow::of_series(Arc::new(snapshot), &wanted, (from, to), ids.len())?;
        let places: HashMap<SeriesId, usize> = window.series().iter().copied().zip(0..).collect();
        let place = |id: &SeriesId| places.get(id).copied();
        window.expect(ids.iter().filter_map(place).collect());
        let (mut rows, mut out) = (Vec::new(), Vec::new());
        for (key, id) in &named {
            frame::put_series(key.as_bytes(), &mut out);
            if let Some(place) = id.as_ref().and_then(place) {
                let mut reader = window.open(place)?;
                while reader.next_batch(&mut rows)? {
                    frame::put_rows(&rows, &mut out);
                    push_if_long(&mut out, pieces)?;
                }
            }
        }
        end(named.len(), out, pieces)
    })
    .await
}

/// Deletes the samples of series.
pub(crate) async fn delete(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let asked = Asked::of(&context, request).await?;
    asked.reader.grant().require_delete()?;
    let deleting = tokio::task::spawn_blocking(move || {
        let Window { from, to } = asked.window.ok_or_else(damaged)?;
        let named = asked.series()?.into_iter();
        let series: BTreeSet<SeriesId> = named.filter_map(|(_, id)| id).collect();
        let series: Vec<SeriesId> = series.into_iter().collect();
        let tenant = asked.reader.scope().tenant();
        let deleted = asked.store.delete_series(tenant, &series, from, to);
        deleted.map_err(|error| ApiError::not_deleted(&error))
    });
    let deleted = deleting.await.map_err(|_| stopped())??;
    let durable = context.event_loop().events.durable(deleted.sequence).await;
    durable.map_err(|_| stopped())?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a thread that answers does not go on.
enum Failed {
    Gone,
    Refused(ApiError),
}

impl From<Gone> for Failed {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Refused(ApiError::unreadable(&error))
    }
}

/// Answers frames that a thread makes.
async fn stream(
    job: impl FnOnce(&mut PieceSender) -> Result<(), Failed> + Send + 'static,
) -> Result<Response, ApiError> {
    let (mut pieces, received) = pieces::channel(VOLUME_STALL);
    tokio::task::spawn_blocking(move || match job(&mut pieces) {
        Ok(()) => drop(pieces.end()),
        Err(Failed::Gone) => {}
        Err(Failed::Refused(error)) => pieces.fail(error),
    });
    let body = received.into_body().await?;
    Ok(([(CONTENT_TYPE, FRAMES)], body).into_response())
}

fn push_if_long(out: &mut Vec<u8>, pieces: &mut PieceSender) -> Result<(), Gone> {
    const LONG: usize = 16 << 10;
    if out.len() >= LONG {
        pieces.push(out)?;
        out.clear();
    }
    Ok(())
}

fn end(series: usize, mut out: Vec<u8>, pieces: &mut PieceSender) -> Result<(), Failed> {
    frame::put_end(u64::try_from(series).unwrap_or(u64::MAX), &mut out);
    Ok(pieces.push(&out)?)
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|_| not_understood(NotUnderstood))
}

/// 501: for the asking server a volume that cannot be read, which it says with this text.
fn not_understood(error: NotUnderstood) -> ApiError {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, error.to_string())
}

fn damaged() -> ApiError {
    not_understood(NotUnderstood)
}

fn unreadable(error: SourceError) -> ApiError {
    error.into()
}

fn stopped() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the server stops")
}
