//! One query, on its thread.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use penstock_model::{Clock, WithCauses};
use penstock_query::{Exceeded, JsonResults, Limits, Query, RunContext, RunError, run};
use penstock_store::error::{AppendError, ErrorKind};
use penstock_store::store::Store;
use penstock_tenancy::ReadLimits;
use tokio::sync::OwnedSemaphorePermit;

use crate::http::error::ApiError;
use crate::http::pieces::PieceSender;
use crate::read::united_source::Opened;
use crate::read::{Reader, SourceError, StoreSource, UnitedSource};
use crate::volumes::{Asker, Window};

/// What a query needs.
pub(super) struct Job {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) query: Query,
    pub(super) reader: Reader,
    /// Asks the servers of other volumes.
    pub(super) asker: Asker,
    pub(super) _turn: OwnedSemaphorePermit,
}

impl Job {
    /// Runs it to its end, or to the moment when nobody reads the answer.
    pub(super) fn run(self, mut pieces: PieceSender) {
        match self.answer(&mut pieces) {
            Ok(()) => drop(pieces.end()),
            Err(Ended::Gone) => {
                let tenant = self.reader.scope().tenant();
                tracing::debug!(%tenant, "nobody waits for the answer of a query");
            }
            Err(Ended::Refused(error)) => pieces.fail(error),
        }
    }

    fn answer(&self, pieces: &mut PieceSender) -> Result<(), Ended> {
        let scope = self.reader.scope().clone();
        let source = StoreSource::new(self.store.clone(), scope, self.query.show_tsuids);
        let source = source.map_err(|error| self.unreadable(SourceError::Store(error)))?;
        let mut source = UnitedSource::new(source, self.asker.clone());
        let watch = pieces.watch();
        let context = RunContext {
            limits: limits(self.reader.scope().limits()),
            clock: &*self.clock,
            is_cancelled: &|| watch.is_abandoned(),
        };
        let mut results = JsonResults::new(&self.query, pieces);
        let cost = run(&self.query, &mut source, &mut results, context)
            .map_err(|error| self.ended(error))?;
        if self.query.delete {
            self.delete(&source.into_opened())?;
        }
        results.finish(&cost).map_err(|_| Ended::Gone)?;
        Ok(())
    }

    /// Deletes what has been answered. The end of the answer is held back until that is on stable storage.
    fn delete(&self, opened: &Opened) -> Result<(), Ended> {
        let (tenant, query) = (self.reader.scope().tenant(), &self.query);
        let deleted = self
            .store
            .delete_series(tenant, &opened.own, query.start, query.end)
            .map_err(|error| Ended::Refused(ApiError::not_deleted(&error)))?;
        self.store
            .wait_durable(deleted.sequence)
            .map_err(|_| Ended::Refused(ApiError::not_deleted(&AppendError::Stopped)))?;
        let window = Window {
            from: query.start,
            to: query.end,
        };
        let elsewhere = opened.delete_elsewhere(window);
        elsewhere.map_err(|error| Ended::Refused(error.into()))?;
        let token = self.reader.grant().token();
        tracing::info!(%tenant, %token, series = deleted.series, "samples deleted by a query");
        Ok(())
    }

    fn ended(&self, error: RunError<SourceError, io::Error>) -> Ended {
        match error {
            RunError::Sink(_) | RunError::Exceeded(Exceeded::Cancelled) => Ended::Gone,
            RunError::Exceeded(exceeded) => Ended::Refused(refuse_exceeded(exceeded)),
            RunError::Source(error) => self.unreadable(error),
            error @ (RunError::UnknownName { .. } | RunError::Infinite { .. }) => {
                Ended::Refused(ApiError::bad_request(error.to_string()))
            }
        }
    }

    fn unreadable(&self, error: SourceError) -> Ended {
        if let SourceError::Store(error) = &error
            && error.kind() != ErrorKind::Retry
        {
            let tenant = self.reader.scope().tenant();
            tracing::error!(error = %WithCauses(error), %tenant, "query failed");
        }
        Ended::Refused(error.into())
    }
}

/// Why there is no whole answer.
enum Ended {
    /// Nobody is left to tell.
    Gone,
    Refused(ApiError),
}

/// What is answered to a request that is over a limit.
pub(crate) fn refuse_exceeded(exceeded: Exceeded) -> ApiError {
    let status = match exceeded {
        Exceeded::Duration(_) => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::PAYLOAD_TOO_LARGE,
    };
    ApiError::new(status, exceeded.to_string())
}

fn limits(limits: &ReadLimits) -> Limits {
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let day = Duration::from_hours(24);
    let range = u32::try_from(limits.max_range_days).unwrap_or(u32::MAX);
    Limits {
        series: size(limits.max_series),
        samples: limits.max_samples,
        bytes: size(limits.max_bytes),
        duration: Duration::from_secs(limits.max_seconds),
        range: (range > 0).then(|| day.saturating_mul(range)),
    }
}
