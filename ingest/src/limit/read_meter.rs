//! How many requests a read token makes.

use std::num::NonZeroU64;
use std::time::Duration;

use parking_lot::Mutex;
use penstock_tenancy::{ReadLimits, per_pod};

use super::rate::{Rate, TokenBucket};

/// Seconds over which the rate is averaged: a dashboard asks for twenty things at once and is quiet then.
const BURST_SECONDS: NonZeroU64 = NonZeroU64::new(10).unwrap();

/// Counts the requests of one token; without a limit it counts nothing.
#[derive(Debug, Default)]
pub(crate) struct ReadMeter(Mutex<Option<Counted>>);

#[derive(Debug)]
struct Counted {
    /// For the whole service.
    figure: u64,
    bucket: TokenBucket,
}

impl ReadMeter {
    /// Goes on with these limits; what has been counted stays counted.
    pub(crate) fn set(&self, limits: &ReadLimits, replicas: u32, now: Duration) {
        let figure = limits.queries_per_second;
        let mut counted = self.0.lock();
        let Some(share) = NonZeroU64::new(per_pod(figure, replicas)) else {
            *counted = None;
            return;
        };
        let rate = Rate::per_second(share, share.saturating_mul(BURST_SECONDS));
        match &mut *counted {
            Some(counted) => {
                counted.figure = figure;
                counted.bucket.set_rate(rate, now);
            }
            none => {
                let bucket = TokenBucket::new(rate, now);
                *none = Some(Counted { figure, bucket });
            }
        }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// The figure for the whole service and how long to wait.
    pub(crate) fn take(&self, now: Duration) -> Result<(), (u64, Duration)> {
        let mut counted = self.0.lock();
        let Some(Counted { figure, bucket }) = &mut *counted else {
            return Ok(());
        };
        if bucket.take_up_to(1, now) == 1 {
            return Ok(());
        }
        Err((*figure, bucket.wait_for(1, now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(queries_per_second: u64) -> ReadLimits {
        ReadLimits {
            queries_per_second,
            ..ReadLimits::default()
        }
    }

    #[test]
    fn ten_seconds_worth_may_come_at_once_and_then_the_rate() {
        let meter = ReadMeter::default();
        let at = Duration::from_millis;
        assert_eq!(meter.take(at(0)), Ok(()), "no limit");
        meter.set(&limits(4), 2, at(0));
        for request in 0..20 {
            assert_eq!(meter.take(at(0)), Ok(()), "{request}");
        }
        assert_eq!(meter.take(at(100)), Err((4, at(400))));
        assert_eq!(meter.take(at(500)), Ok(()));
        // Another figure forgives nothing.
        meter.set(&limits(2), 2, at(500));
        assert!(meter.take(at(500)).is_err());
        meter.set(&limits(0), 2, at(500));
        assert_eq!(meter.take(at(500)), Ok(()));
    }
}
