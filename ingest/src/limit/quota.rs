//! What one grant may use: its token's limits and, above them, its application's.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use penstock_model::{Clock, Timestamp};
use penstock_store::series::{Novelty, SeriesBudget};
use penstock_tenancy::{ApplicationLimits, per_pod};

use super::exceeded::LimitExceeded;
use super::meter::{Figures, Meter};
use super::rate::{Rate, TokenBucket};
use super::read_meter::ReadMeter;
use super::window::{OutsideWindow, TimeWindow};

/// The most points that one taker holds in advance; see [`PointLease`].
const LEASE_MAX: u64 = 256;
/// A taker holds at most this part of the burst, so that several do not starve each other.
const LEASE_PART_OF_BURST: u64 = 64;

/// What an application has used.
#[derive(Debug)]
pub(super) struct ApplicationUse {
    pub(super) meter: Meter,
    new_series: Mutex<Option<TokenBucket>>,
    limits: RwLock<ApplicationLimits>,
}

/// The limits behind a grant. One for each token, shared by all its connections; it outlives the ledger it
/// came from, and follows the next one.
#[derive(Debug)]
pub struct GrantLimits {
    application: Arc<ApplicationUse>,
    token: Meter,
    reads: ReadMeter,
    clock: Arc<dyn Clock>,
}

impl ApplicationUse {
    pub(super) fn new(meter: Meter, limits: ApplicationLimits, now: Duration) -> Self {
        let bucket = series_rate(&limits, meter.replicas()).map(|rate| TokenBucket::new(rate, now));
        Self {
            meter,
            new_series: Mutex::new(bucket),
            limits: RwLock::new(limits),
        }
    }

    pub(super) fn set(&self, limits: &ApplicationLimits, replicas: u32, now: Duration) {
        self.meter
            .set(Figures::of_application(limits, replicas), now);
        let mut bucket = self.new_series.lock();
        match (series_rate(limits, replicas), &mut *bucket) {
            (Some(rate), Some(bucket)) => bucket.set_rate(rate, now),
            (rate, bucket) => *bucket = rate.map(|rate| TokenBucket::new(rate, now)),
        }
        *self.limits.write() = *limits;
    }
}

fn series_rate(limits: &ApplicationLimits, replicas: u32) -> Option<Rate> {
    NonZeroU64::new(per_pod(limits.new_series_per_hour, replicas)).map(Rate::per_hour)
}

impl GrantLimits {
    pub(super) fn new(
        application: Arc<ApplicationUse>,
        token: Meter,
        reads: ReadMeter,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            application,
            token,
            reads,
            clock,
        }
    }

    pub(super) fn read_meter(&self) -> &ReadMeter {
        &self.reads
    }

    /// Counts one request that reads.
    ///
    /// # Errors
    /// The token has asked for as much as it may.
    pub fn take_read(&self) -> Result<(), LimitExceeded> {
        let now = self.clock.monotonic();
        self.reads.take(now).map_err(|(figure, wait)| {
            let replicas = self.token.replicas();
            self.token
                .exceeded("queriesPerSecond", figure, replicas, wait)
        })
    }

    pub(super) fn token_meter(&self) -> &Meter {
        &self.token
    }

    pub(super) fn is_of(&self, application: &Arc<ApplicationUse>) -> bool {
        Arc::ptr_eq(&self.application, application)
    }

    /// The application's limits as the ledger has them now.
    pub fn application(&self) -> ApplicationLimits {
        *self.application.limits.read()
    }

    /// Counts a connection, or a request in progress, until the permit is dropped.
    ///
    /// # Errors
    /// The token or its application has as many as it may.
    pub fn connect(self: &Arc<Self>) -> Result<ConnectionPermit, LimitExceeded> {
        self.token.connect()?;
        if let Err(exceeded) = self.application.meter.connect() {
            self.token.disconnect();
            return Err(exceeded);
        }
        Ok(ConnectionPermit(Arc::clone(self)))
    }

    /// The timestamps that are taken at `now`.
    pub fn window(&self, now: Timestamp) -> TimeWindow {
        TimeWindow::around(now, &self.application())
    }

    /// What to say about a time outside the window.
    pub fn outside(&self, time: Timestamp, window: &TimeWindow) -> OutsideWindow {
        OutsideWindow::of(time, window, &self.application())
    }

    /// Whether a request may have this many points.
    ///
    /// # Errors
    /// It is over `pointsPerRequest`. Trying again will not help: the client must send less at once.
    pub fn request_of(&self, points: u64) -> Result<(), LimitExceeded> {
        let most = self.application().points_per_request;
        if most > 0 && points > most {
            let meter = &self.application.meter;
            return Err(meter.exceeded("pointsPerRequest", most, 1, Duration::ZERO));
        }
        Ok(())
    }

    /// Takes up to `wanted` points of both, the token and its application.
    fn take_points(&self, wanted: u64) -> Result<NonZeroU64, LimitExceeded> {
        let now = self.clock.monotonic();
        let of_token = self.token.take_points(wanted, now);
        let Some(of_token) = NonZeroU64::new(of_token) else {
            return Err(self.token.points_exceeded(now));
        };
        let of_application = self.application.meter.take_points(of_token.get(), now);
        if of_application < of_token.get() {
            self.token.give_points_back(of_token.get() - of_application);
        }
        NonZeroU64::new(of_application).ok_or_else(|| self.application.meter.points_exceeded(now))
    }

    fn give_points_back(&self, points: u64) {
        self.token.give_points_back(points);
        self.application.meter.give_points_back(points);
    }

    fn lease_size(&self) -> u64 {
        let burst = self.token.burst().min(self.application.meter.burst());
        (burst / LEASE_PART_OF_BURST).clamp(1, LEASE_MAX)
    }
}

impl SeriesBudget for GrantLimits {
    type Refusal = LimitExceeded;

    fn admit(&self, active_today: u64, novelty: Novelty) -> Result<(), LimitExceeded> {
        let limits = self.application();
        let meter = &self.application.meter;
        if limits.active_series > 0 && active_today >= limits.active_series {
            let now = self.clock.now();
            let tomorrow = now.day().end().millis().saturating_sub(now.millis());
            let wait = Duration::from_millis(tomorrow.unsigned_abs().saturating_add(1));
            return Err(meter.exceeded("activeSeries", limits.active_series, 1, wait));
        }
        if novelty == Novelty::Returning {
            return Ok(());
        }
        let now = self.clock.monotonic();
        let mut new_series = self.application.new_series.lock();
        let Some(bucket) = &mut *new_series else {
            return Ok(());
        };
        if bucket.take_up_to(1, now) == 1 {
            return Ok(());
        }
        let wait = bucket.wait_for(1, now);
        let figure = limits.new_series_per_hour;
        Err(meter.exceeded("newSeriesPerHour", figure, meter.replicas(), wait))
    }
}

/// A connection or request that counts until this is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the count"]
pub struct ConnectionPermit(Arc<GrantLimits>);

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.token.disconnect();
        self.0.application.meter.disconnect();
    }
}

/// Points taken a few hundred at a time, so that counting one costs a subtraction. What is left over goes
/// back when it is dropped.
#[derive(Debug)]
pub struct PointLease {
    limits: Arc<GrantLimits>,
    left: u64,
}

impl PointLease {
    /// An empty lease on these limits.
    pub fn new(limits: Arc<GrantLimits>) -> Self {
        Self { limits, left: 0 }
    }

    /// Counts one point.
    ///
    /// # Errors
    /// The rate is used up.
    #[inline]
    pub fn take(&mut self) -> Result<(), LimitExceeded> {
        if self.left == 0 {
            self.renew()?;
        }
        self.left -= 1;
        Ok(())
    }

    /// Uncounts points that were not written after all.
    pub fn give_back(&mut self, points: u64) {
        self.left += points;
    }

    #[cold]
    fn renew(&mut self) -> Result<(), LimitExceeded> {
        self.left = self.limits.take_points(self.limits.lease_size())?.get();
        Ok(())
    }
}

impl Drop for PointLease {
    fn drop(&mut self) {
        if self.left > 0 {
            self.limits.give_points_back(self.left);
        }
    }
}
