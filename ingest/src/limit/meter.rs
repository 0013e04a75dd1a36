//! What applications and tokens have in common: points a second and open connections.

use std::num::NonZeroU64;
use std::time::Duration;

use parking_lot::Mutex;
use penstock_tenancy::per_pod;

use super::exceeded::{LimitExceeded, LimitOwner};
use super::rate::{Rate, TokenBucket};

/// How long a client over the limit of connections had better wait: there is no telling when one ends.
const CONNECTION_RETRY: Duration = Duration::from_secs(5);

/// The figures of one owner, for the whole service; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) points_per_second: u64,
    pub(crate) burst: u64,
    pub(crate) connections: u64,
    /// Servers that share them.
    pub(crate) replicas: u32,
}

/// Counts one owner's points and connections.
#[derive(Debug)]
pub(crate) struct Meter {
    owner: LimitOwner,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    figures: Figures,
    points: Option<TokenBucket>,
    connections: u64,
}

impl Figures {
    fn point_rate(&self) -> Option<Rate> {
        let share = NonZeroU64::new(per_pod(self.points_per_second, self.replicas))?;
        let burst = NonZeroU64::new(per_pod(self.burst, self.replicas)).unwrap_or(share);
        Some(Rate::per_second(share, burst.max(share)))
    }
}

impl Meter {
    pub(crate) fn new(owner: LimitOwner, figures: Figures, now: Duration) -> Self {
        let points = figures.point_rate().map(|rate| TokenBucket::new(rate, now));
        Self {
            owner,
            used: Mutex::new(Used {
                figures,
                points,
                connections: 0,
            }),
        }
    }

    /// Goes on with other figures; what has been counted stays counted.
    pub(crate) fn set(&self, figures: Figures, now: Duration) {
        let mut used = self.used.lock();
        used.figures = figures;
        match (figures.point_rate(), &mut used.points) {
            (Some(rate), Some(bucket)) => bucket.set_rate(rate, now),
            (rate, points) => *points = rate.map(|rate| TokenBucket::new(rate, now)),
        }
    }

    /// Takes up to `wanted` points.
    pub(crate) fn take_points(&self, wanted: u64, now: Duration) -> u64 {
        match &mut self.used.lock().points {
            Some(bucket) => bucket.take_up_to(wanted, now),
            None => wanted,
        }
    }

    /// Puts back points that were taken and not written.
    pub(crate) fn give_points_back(&self, points: u64) {
        if let Some(bucket) = &mut self.used.lock().points {
            bucket.give_back(points);
        }
    }

    /// The points that can be taken at once after a pause.
    pub(crate) fn burst(&self) -> u64 {
        self.used
            .lock()
            .points
            .as_ref()
            .map_or(u64::MAX, |bucket| bucket.rate().burst.get())
    }

    /// Why no point could be taken.
    pub(crate) fn points_exceeded(&self, now: Duration) -> LimitExceeded {
        let mut used = self.used.lock();
        let figure = used.figures.points_per_second;
        let wait = used
            .points
            .as_mut()
            .map_or(Duration::ZERO, |bucket| bucket.wait_for(1, now));
        self.exceeded("pointsPerSecond", figure, used.figures.replicas, wait)
    }

    /// Counts one more connection.
    pub(crate) fn connect(&self) -> Result<(), LimitExceeded> {
        let mut used = self.used.lock();
        let Figures {
            connections,
            replicas,
            ..
        } = used.figures;
        if connections > 0 && used.connections >= per_pod(connections, replicas) {
            return Err(self.exceeded("connections", connections, replicas, CONNECTION_RETRY));
        }
        used.connections += 1;
        Ok(())
    }

    /// One connection less.
    pub(crate) fn disconnect(&self) {
        let mut used = self.used.lock();
        used.connections = used.connections.saturating_sub(1);
    }

    pub(crate) fn replicas(&self) -> u32 {
        self.used.lock().figures.replicas
    }

    pub(crate) fn exceeded(
        &self,
        limit: &'static str,
        figure: u64,
        replicas: u32,
        retry_after: Duration,
    ) -> LimitExceeded {
        LimitExceeded {
            limit,
            owner: self.owner.clone(),
            figure,
            replicas,
            retry_after,
        }
    }
}
