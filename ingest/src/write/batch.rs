//! The hot path: points of one read or body, to rows.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;
use penstock_model::{Day, Timestamp};
use penstock_store::error::AppendError;
use penstock_store::{Row, Sequence, SeriesId};

use super::event_loop::{EventLoop, Hot, NotAppended};
use super::extra_labels::ExtraLabels;
use super::identity::series_key;
use super::refusal::{Refusal, RefusalKind};
use super::series_cache::{CacheKey, KnownSeries};
use crate::auth::{Grant, GrantVersion};
use crate::limit::{PointLease, TimeWindow};
use crate::protocol::point::Point;

/// Points on their way into the store, under one hold of the loop's table. `now` is the same for all.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    event_loop: &'a EventLoop,
    hot: MutexGuard<'a, Hot>,
    now: Timestamp,
    today: Day,
    admission: Option<Admission>,
}

/// What the current grant may still write in this batch.
#[derive(Debug)]
struct Admission {
    version: GrantVersion,
    window: TimeWindow,
    lease: PointLease,
}

/// What became of a batch's rows.
#[derive(Debug)]
pub(crate) enum Committed {
    /// There were none.
    Nothing,
    /// They are in the log up to this sequence, durable or not.
    Appended(Sequence),
    /// The store pushes back: hand them to [`EventLoop::append`] and read no more until it answers.
    Held(Vec<Row>),
    /// The store takes nothing any more.
    Stopped(NotAppended),
}

impl<'a> Batch<'a> {
    pub(super) fn new(event_loop: &'a EventLoop, mut hot: MutexGuard<'a, Hot>) -> Self {
        // A batch that was dropped without `commit` leaves nothing to the next one.
        hot.rows.clear();
        let now = event_loop.clock().now();
        Self {
            event_loop,
            hot,
            now,
            today: now.day(),
            admission: None,
        }
    }

    /// Adds a point to the batch. Its credential has been turned into `grant`, which may write.
    ///
    /// # Errors
    /// Why it is not stored.
    #[inline]
    pub(crate) fn put(&mut self, point: &Point<'_>, grant: &Grant) -> Result<(), Refusal> {
        let row = match self.known(point, grant, &ExtraLabels::default())? {
            Some(row) => row,
            None => self.define(point, grant, &ExtraLabels::default())?,
        };
        self.hot.rows.push(row);
        Ok(())
    }

    /// Counts the point against its rate, and makes its row if the loop knows its series. The row is not in
    /// the batch.
    ///
    /// # Errors
    /// Time or rate. The point has not been counted then.
    #[inline]
    pub(crate) fn known(
        &mut self,
        point: &Point<'_>,
        grant: &Grant,
        extra: &ExtraLabels,
    ) -> Result<Option<Row>, Refusal> {
        let time = point.moment(self.now);
        self.admit(time, grant)?;
        let key = self.cache_key(point, grant, extra);
        let known = self
            .hot
            .cache
            .get(key)
            .filter(|known| self.is_counted(*known, time));
        Ok(known.map(|known| Row::new(known.series, time, point.value)))
    }

    /// The slow way for a point that [`Batch::known`] has counted but does not know: checks its names and asks
    /// the store for its series.
    ///
    /// # Errors
    /// Names, tags or a limit on series. The point is uncounted then.
    #[cold]
    pub(crate) fn define(
        &mut self,
        point: &Point<'_>,
        grant: &Grant,
        extra: &ExtraLabels,
    ) -> Result<Row, Refusal> {
        let time = point.moment(self.now);
        match self.resolve(point, time, grant, extra) {
            Ok(series) => Ok(Row::new(series, time, point.value)),
            Err(refusal) => {
                self.admission_of(grant).lease.give_back(1);
                self.count_refusal(&refusal);
                Err(refusal)
            }
        }
    }

    /// Appends the rows that [`Batch::put`] has gathered.
    pub(crate) fn commit(mut self) -> Committed {
        if self.hot.rows.is_empty() {
            return Committed::Nothing;
        }
        match self.event_loop.try_append(&self.hot.rows) {
            Ok(sequence) => {
                self.hot.rows.clear();
                Committed::Appended(sequence)
            }
            Err(AppendError::Busy(_)) => Committed::Held(std::mem::take(&mut self.hot.rows)),
            Err(AppendError::Stopped) => {
                self.hot.rows.clear();
                Committed::Stopped(NotAppended::Stopped)
            }
        }
    }

    /// The moment that points without a time get.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    #[inline]
    fn admit(&mut self, time: Timestamp, grant: &Grant) -> Result<(), Refusal> {
        let admission = self.admission_of(grant);
        let refusal = if !admission.window.contains(time) {
            Refusal::Window(grant.limits().outside(time, &admission.window))
        } else if let Err(exceeded) = admission.lease.take() {
            exceeded.into()
        } else {
            return Ok(());
        };
        self.count_refusal(&refusal);
        Err(refusal)
    }

    #[inline]
    fn admission_of(&mut self, grant: &Grant) -> &mut Admission {
        let fits = self
            .admission
            .as_ref()
            .is_some_and(|a| a.version == grant.version());
        if !fits {
            self.admission = None;
        }
        let now = self.now;
        self.admission.get_or_insert_with(|| Admission {
            version: grant.version(),
            window: grant.limits().window(now),
            lease: PointLease::new(Arc::clone(grant.limits())),
        })
    }

    #[inline]
    fn cache_key(&self, point: &Point<'_>, grant: &Grant, extra: &ExtraLabels) -> CacheKey {
        let fingerprint = point.fingerprint() ^ extra.fingerprint();
        self.hot.cache.key(fingerprint, grant.version().get())
    }

    /// Whether the store need not be told that the series has a point on this day: only the current day's
    /// series are counted.
    #[inline]
    fn is_counted(&self, known: KnownSeries, time: Timestamp) -> bool {
        known.active == Some(self.today) || time.day() != self.today
    }

    fn resolve(
        &mut self,
        point: &Point<'_>,
        time: Timestamp,
        grant: &Grant,
        extra: &ExtraLabels,
    ) -> Result<SeriesId, Refusal> {
        let key = series_key(point, grant, extra)?;
        let series = self
            .event_loop
            .store()
            .resolve(&key, time.day(), &**grant.limits())?;
        let active = (time.day() == self.today).then_some(self.today);
        let cache_key = self.cache_key(point, grant, extra);
        let today = self.today;
        self.hot
            .cache
            .insert(cache_key, KnownSeries { series, active }, today);
        Ok(series)
    }

    #[cold]
    fn count_refusal(&self, refusal: &Refusal) {
        let counts = self.event_loop.counts();
        match refusal.kind() {
            RefusalKind::Data => &counts.points_refused_data,
            RefusalKind::Quota => &counts.points_refused_quota,
        }
        .fetch_add(1, Ordering::Relaxed);
    }
}
