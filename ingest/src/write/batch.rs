//! The hot path: points of one read or body, to rows.

use std::sync::Arc;

use parking_lot::MutexGuard;
use penstock_model::{Day, Timestamp};
use penstock_store::error::AppendError;
use penstock_store::{Row, Sequence, SeriesId};

use super::event_loop::{EventLoop, Hot, NotAppended};
use super::extra_labels::ExtraLabels;
use super::identity::series_key;
use super::refusal::Refusal;
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

impl EventLoop {
    /// Locks the loop's table to look points up. Never held while awaiting.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }
}

impl<'a> Batch<'a> {
    fn new(event_loop: &'a EventLoop) -> Self {
        let mut hot = event_loop.hot();
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

    /// Gets ready for points of these fingerprints: see [`SeriesCache::warm`]. It is for speed alone.
    ///
    /// [`SeriesCache::warm`]: super::series_cache::SeriesCache::warm
    #[inline]
    pub(crate) fn warm(
        &self,
        fingerprints: impl Iterator<Item = u128>,
        grant: &Grant,
        extra: &ExtraLabels,
    ) {
        let (cache, extra) = (&self.hot.cache, extra.fingerprint());
        let grant = grant.version().get();
        cache.warm(fingerprints.map(|fingerprint| cache.key(fingerprint ^ extra, grant)));
    }

    /// Adds a point to the batch. Its credential has been turned into `grant`, which may write.
    ///
    /// # Errors
    /// Why it is not stored. It does not count against any limit then.
    #[inline]
    pub(crate) fn put(
        &mut self,
        point: &Point<'_>,
        grant: &Grant,
        extra: &ExtraLabels,
    ) -> Result<(), Refusal> {
        let time = point.moment(self.now);
        self.admit(time, grant)?;
        let key = self.cache_key(point, grant, extra);
        let series = match self.hot.cache.get(key) {
            Some(known) if self.is_counted(known, time) => known.series,
            _ => self.define(point, time, grant, extra)?,
        };
        self.hot.rows.push(Row::new(series, time, point.value));
        Ok(())
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

    /// Counts the point against its rate.
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
        self.event_loop.count_refused(refusal.kind());
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

    /// The slow way: checks the point's names and asks the store for its series.
    #[cold]
    fn define(
        &mut self,
        point: &Point<'_>,
        time: Timestamp,
        grant: &Grant,
        extra: &ExtraLabels,
    ) -> Result<SeriesId, Refusal> {
        let store = self.event_loop.store();
        let resolved = series_key(point, grant, extra)
            .and_then(|key| Ok(store.resolve(&key, time.day(), &**grant.limits())?));
        let series = resolved.inspect_err(|refusal| {
            self.admission_of(grant).lease.give_back(1);
            self.event_loop.count_refused(refusal.kind());
        })?;
        let active = (time.day() == self.today).then_some(self.today);
        let key = self.cache_key(point, grant, extra);
        self.hot
            .cache
            .insert(key, KnownSeries { series, active }, self.today);
        Ok(series)
    }
}

#[cfg(test)]
mod tests;
