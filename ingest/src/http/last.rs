//! `/api/query/last`: the newest point of each series, however old.
//!
//! Runs as a query does: a snapshot, a turn, a thread, pieces. Series whose newest points are of one day come together,
//! younger days first.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::Method;
use http::header::CONTENT_TYPE;
use penstock_model::{Clock, Tags, Timestamp, Uids, WithCauses};
use penstock_query::Exceeded;
use penstock_store::error::{ErrorKind, StoreError};
use penstock_store::scan::latest::latest;
use penstock_store::scan::snapshot::Snapshot;
use penstock_store::store::Store;
use penstock_store::{Row, SeriesId};
use roaring::RoaringBitmap;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::context::HttpContext;
use super::error::{ApiError, JSON};
use super::pieces::{self, Gone, PieceSender};
use super::query::{BODY_BYTES_MAX, refuse_exceeded};
use super::reach::Reach;
use crate::protocol::json::options::parameters;
use crate::protocol::last::LastRequest;
use crate::read::{Reader, SourceError, last_series};
use crate::volumes::Elsewhere;

/// Answers a request for newest points.
pub(crate) async fn last(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let reader = context.authorize_read(&request)?;
    let elsewhere = Reach::of(&context, &request).elsewhere(&context);
    let server = context.server();
    let (head, body) = request.into_parts();
    let asked = if head.method == Method::POST {
        let bodies = &server.bodies;
        let body = bodies.read(&head.headers, body, BODY_BYTES_MAX).await?;
        LastRequest::from_json(&body)
    } else {
        LastRequest::from_parameters(parameters(head.uri.query().unwrap_or_default()))
    };
    let asked = asked.map_err(|error| ApiError::bad_request(error.to_string()))?;
    let turn = server.queries.turn().await?;
    let (pieces, received) = pieces::channel(server.timeouts.body_stall);
    let received = received.until(reader.grant().cut().clone());
    let job = Job {
        store: server.store.clone(),
        clock: Arc::clone(&server.clock),
        asked,
        reader,
        elsewhere,
        _turn: turn,
    };
    tokio::task::spawn_blocking(move || job.run(pieces));
    let body = received.into_body().await?;
    Ok(([(CONTENT_TYPE, JSON)], body).into_response())
}

/// One request, on its thread.
struct Job {
    store: Store,
    clock: Arc<dyn Clock>,
    asked: LastRequest,
    reader: Reader,
    elsewhere: Elsewhere,
    _turn: OwnedSemaphorePermit,
}

/// Why there is no whole answer.
enum Ended {
    /// Nobody is left to tell.
    Gone,
    Refused(ApiError),
}

impl From<Gone> for Ended {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// An element of the answer.
#[derive(Serialize)]
struct Point<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<&'a str>,
    timestamp: i64,
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<TagMap<'a>>,
    tsuid: &'a str,
}

struct TagMap<'a>(&'a Tags);

impl Serialize for TagMap<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter())
    }
}

impl Job {
    fn run(self, mut pieces: PieceSender) {
        match self.answer(&mut pieces) {
            Ok(()) => drop(pieces.end()),
            Err(Ended::Gone) => {}
            Err(Ended::Refused(error)) => pieces.fail(error),
        }
    }

    fn answer(&self, pieces: &mut PieceSender) -> Result<(), Ended> {
        let snapshot = Arc::new(self.store.snapshot().map_err(|e| self.unreadable(&e))?);
        let series = self.series()?;
        let mut writer = Writer {
            job: self,
            snapshot: &snapshot,
            pieces,
            uids: Uids::of(self.reader.scope().tenant()),
            deadline: self.clock.monotonic().saturating_add(self.most_time()),
            text: Vec::new(),
            is_first: true,
        };
        writer.pieces.push(b"[")?;
        let mut ended = None;
        let seen = latest(
            &snapshot,
            series,
            self.oldest(),
            &mut |series, row| match writer.write(series, row) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    ended = Some(error);
                    ControlFlow::Break(())
                }
            },
        );
        seen.map_err(|error| self.unreadable(&error))?;
        if let Some(error) = ended {
            return Err(error);
        }
        Ok(pieces.push(b"]")?)
    }

    /// Everything that is asked for, each series once.
    fn series(&self) -> Result<RoaringBitmap, Ended> {
        let most = self.reader.scope().limits().max_series;
        let mut all = RoaringBitmap::new();
        for query in &self.asked.queries {
            let (registry, scope) = (self.store.series(), self.reader.scope());
            let found = last_series(registry, scope, &self.elsewhere, query);
            all |= found.map_err(|error| match error {
                SourceError::Store(error) => self.unreadable(&error),
                refused => Ended::Refused(refused.into()),
            })?;
            if all.len() > most {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                return Err(Ended::Refused(refuse_exceeded(Exceeded::Series(most))));
            }
        }
        Ok(all)
    }

    /// Nothing before this moment is answered.
    fn oldest(&self) -> Timestamp {
        const HOUR: i64 = 3_600_000;
        match i64::from(self.asked.back_scan_hours) {
            0 => Timestamp::MIN,
            hours => {
                let now = self.clock.now().millis();
                Timestamp::from_millis(now.div_euclid(HOUR).saturating_sub(hours) * HOUR)
            }
        }
    }

    fn most_time(&self) -> Duration {
        Duration::from_secs(self.reader.scope().limits().max_seconds)
    }

    fn unreadable(&self, error: &StoreError) -> Ended {
        let tenant = self.reader.scope().tenant();
        if error.kind() != ErrorKind::Retry {
            tracing::error!(error = %WithCauses(error), %tenant, "query for newest points failed");
        }
        Ended::Refused(ApiError::unreadable(error))
    }
}

/// Writes one element after another.
struct Writer<'a> {
    job: &'a Job,
    snapshot: &'a Snapshot,
    pieces: &'a mut PieceSender,
    uids: Uids,
    deadline: Duration,
    text: Vec<u8>,
    is_first: bool,
}

impl Writer<'_> {
    fn write(&mut self, series: SeriesId, row: Row) -> Result<(), Ended> {
        if self.job.clock.monotonic() > self.deadline {
            return Err(Ended::Refused(refuse_exceeded(Exceeded::Duration(
                self.job.most_time(),
            ))));
        }
        let identity = self.snapshot.identity(series);
        let identity = identity.map_err(|error| self.job.unreadable(&error))?;
        let mut value = Vec::new();
        row.value().render(&mut value);
        let point = Point {
            metric: self.job.asked.resolve.then_some(&*identity.metric),
            timestamp: row.time,
            value: std::str::from_utf8(&value).unwrap_or_default(),
            tags: self.job.asked.resolve.then_some(TagMap(&identity.tags)),
            tsuid: &self.uids.tsuid(&identity.metric, &identity.tags),
        };
        self.text.clear();
        if !std::mem::take(&mut self.is_first) {
            self.text.push(b',');
        }
        // Texts and numbers into a vector: it cannot fail.
        serde_json::to_writer(&mut self.text, &point).ok();
        Ok(self.pieces.push(&self.text)?)
    }
}

#[cfg(test)]
mod tests;
