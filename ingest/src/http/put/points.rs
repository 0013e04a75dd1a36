//! The points of one body, to rows, and each of them into the answer.

use std::sync::Arc;
use std::time::Duration;

use penstock_store::Sequence;

use super::super::error::{ApiError, PointCounts};
use crate::auth::{AuthError, Grant};
use crate::protocol::json::{Answer, Cause, Element, PutBody, PutOptions};
use crate::write::batch::{Batch, Committed};
use crate::write::extra_labels::ExtraLabels;
use crate::write::gate::{Denied, Gate};
use crate::write::point_tokens::PointTokens;
use crate::write::series_cache::WARMED;
use crate::write::{EventLoop, NotAppended, Refusal, RefusalKind};

/// Points between which other connections of the loop have their turn.
const SLICE: usize = 4_096;

/// Stores the points of one request.
pub(super) struct PointWriter<'a> {
    events: &'a EventLoop,
    gate: Gate<'a>,
    /// Of the header. A point's own credential wins over it.
    grant: Option<&'a Arc<Grant>>,
    tokens: PointTokens,
    extra: ExtraLabels,
    answer: Answer,
    /// The last record of this request in the log.
    last: Sequence,
}

/// One turn.
struct Slice {
    committed: Committed,
    /// Points of it that the answer counts as stored.
    taken: u64,
    then: Then,
}

/// What comes after a turn.
enum Then {
    Next,
    Done,
    /// The store has no room for the series of a point: that one and all after it are given up.
    GiveUp(NotAppended),
}

/// Why a point is not stored.
enum NotPut {
    Refused(Cause, String),
    Overloaded(NotAppended),
}

impl<'a> PointWriter<'a> {
    pub(super) fn new(
        events: &'a EventLoop,
        gate: Gate<'a>,
        grant: Option<&'a Arc<Grant>>,
        options: &PutOptions,
    ) -> Self {
        Self {
            events,
            gate,
            grant,
            tokens: PointTokens::default(),
            extra: ExtraLabels::of(&options.extra_tags),
            answer: Answer::new(options),
            last: Sequence::ZERO,
        }
    }

    /// Appends what is good. It is not durable yet, and must not be answered.
    ///
    /// # Errors
    /// 503 if the store takes no more; what it took before is durable and counted.
    pub(super) async fn append(&mut self, points: &mut PutBody<'_>) -> Result<(), ApiError> {
        loop {
            let slice = self.stage(points);
            if let Err(error) = self.committed(slice.committed).await {
                return Err(self.give_up(slice.taken, 0, points, &error).await);
            }
            match slice.then {
                Then::Next => tokio::task::yield_now().await,
                Then::Done => return Ok(()),
                Then::GiveUp(error) => return Err(self.give_up(0, 1, points, &error).await),
            }
        }
    }

    /// Waits until what was appended is durable.
    ///
    /// # Errors
    /// 503 if the disk fails.
    pub(super) async fn durable(self) -> Result<Answer, ApiError> {
        match self.events.durable(self.last).await {
            Ok(()) => Ok(self.answer),
            Err(error) => {
                let failed = self.answer.success() + self.answer.failed();
                Err(ApiError::overloaded(error.to_string())
                    .with_counts(PointCounts { success: 0, failed }))
            }
        }
    }

    /// The same for at most `timeout`; the answer then tells of these points that they came too late.
    ///
    /// # Errors
    /// 503 if the disk fails.
    pub(super) async fn durable_within(
        mut self,
        timeout: Duration,
        points: &mut PutBody<'_>,
    ) -> Result<Answer, ApiError> {
        let durable = self.events.durable(self.last);
        if tokio::time::timeout(timeout, durable).await.is_err() {
            self.answer.time_out(points);
            return Ok(self.answer);
        }
        self.durable().await
    }

    fn stage(&mut self, points: &mut PutBody<'_>) -> Slice {
        let mut batch = self.events.batch();
        let before = self.answer.success();
        let mut then = Then::Next;
        for turn in 0..SLICE {
            if let Some(grant) = self.grant
                && turn.is_multiple_of(WARMED)
            {
                batch.warm(points.upcoming(WARMED), grant, &self.extra);
            }
            let Some(element) = points.next_element() else {
                then = Then::Done;
                break;
            };
            match self.put(&mut batch, &element) {
                Ok(()) => self.answer.take(),
                Err(NotPut::Refused(cause, text)) => self.answer.refuse(&element, cause, &text),
                Err(NotPut::Overloaded(error)) => {
                    then = Then::GiveUp(error);
                    break;
                }
            }
        }
        let taken = self.answer.success() - before;
        Slice {
            committed: batch.commit(),
            taken,
            then,
        }
    }

    #[inline]
    fn put(&mut self, batch: &mut Batch<'_>, element: &Element<'_>) -> Result<(), NotPut> {
        let grant = match (element.credential(), self.grant) {
            (Some(credential), _) => self.tokens.grant(credential, &self.gate),
            (None, Some(grant)) => Ok(grant),
            (None, None) => Err(Denied::Auth(AuthError::Missing)),
        };
        let grant = grant.map_err(|why| denied(&why))?;
        // Looked at where it stands: a point is large to move.
        match &element.check(grant.profile()) {
            Ok(point) => batch
                .put(point, grant, &self.extra)
                .map_err(|refusal| refused(&refusal)),
            Err(fault) => {
                self.events.count_refused(RefusalKind::Data);
                Err(NotPut::Refused(Cause::Data, fault.http_text()))
            }
        }
    }

    async fn committed(&mut self, committed: Committed) -> Result<(), NotAppended> {
        self.last = match committed {
            Committed::Nothing => return Ok(()),
            Committed::Appended(sequence) => sequence,
            Committed::Held(rows) => self.events.append(&rows).await?,
            Committed::Stopped(error) => return Err(error),
        };
        Ok(())
    }

    /// The answer when the store has not taken the last `taken` points that were counted, and `uncounted` more, and gets
    /// none of those that are left.
    async fn give_up(
        &self,
        taken: u64,
        uncounted: u64,
        points: &mut PutBody<'_>,
        error: &NotAppended,
    ) -> ApiError {
        let mut failed = self.answer.failed() + taken + uncounted;
        while points.next_element().is_some() {
            failed += 1;
        }
        let stored = self.answer.success() - taken;
        let counts = match self.events.durable(self.last).await {
            Ok(()) => PointCounts {
                success: stored,
                failed,
            },
            Err(_) => PointCounts {
                success: 0,
                failed: failed + stored,
            },
        };
        ApiError::overloaded(error.to_string()).with_counts(counts)
    }
}

#[cold]
fn denied(denied: &Denied) -> NotPut {
    let cause = match denied {
        Denied::Auth(error) if error.asks_for_credentials() => Cause::Unauthorized,
        Denied::NoCredential => Cause::Unauthorized,
        Denied::Auth(_) => Cause::Forbidden,
        Denied::Limit(exceeded) => Cause::Quota(exceeded.retry_after),
    };
    NotPut::Refused(cause, denied.to_string())
}

#[cold]
fn refused(refusal: &Refusal) -> NotPut {
    let cause = match refusal {
        Refusal::Overloaded(pressure) => {
            return NotPut::Overloaded(NotAppended::Overloaded(*pressure));
        }
        Refusal::Limit(exceeded) => Cause::Quota(exceeded.retry_after),
        Refusal::Fault(_) | Refusal::Window(_) | Refusal::MetricNotAllowed { .. } => Cause::Data,
    };
    NotPut::Refused(cause, refusal.http_text())
}
