//! A rate with a burst: the token bucket behind every limit that counts things over time.
//!
//! ```text
//!            rate a second
//!                 │
//!          ┌──────▼──────┐ burst
//!          │             │ ─ ─ ─ ─  missing = what was taken and has not flowed back yet
//!          │▒▒▒▒▒▒▒▒▒▒▒▒▒│
//!          └──────┬──────┘
//!                 ▼ take
//! ```
//!
//! It gives out whole units and keeps exact fractions of them, so no rate drifts however often it is asked. It
//! does not know what it counts, whose limit it is, or what time it is: callers pass
//! [`Clock::monotonic`](penstock_model::Clock::monotonic).

use std::num::NonZeroU64;
use std::time::Duration;

/// How fast a bucket fills and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units that flow in during each `period`.
    pub units: NonZeroU64,
    /// The span that `units` are for.
    pub period: Duration,
    /// Units that can be taken at once after a pause.
    pub burst: NonZeroU64,
}

impl Rate {
    /// A rate a second.
    pub const fn per_second(units: NonZeroU64, burst: NonZeroU64) -> Self {
        Self {
            units,
            period: Duration::from_secs(1),
            burst,
        }
    }

    /// A rate an hour, all of which may come at once.
    pub const fn per_hour(units: NonZeroU64) -> Self {
        Self {
            units,
            period: Duration::from_hours(1),
            burst: units,
        }
    }

    /// Drops that make one unit: so many that each nanosecond brings a whole number of them, `units`.
    fn drops(&self) -> u128 {
        self.period.as_nanos().max(1)
    }

    fn capacity(&self) -> u128 {
        u128::from(self.burst.get()) * self.drops()
    }

    fn inflow(&self, elapsed: Duration) -> u128 {
        elapsed
            .as_nanos()
            .saturating_mul(u128::from(self.units.get()))
    }

    /// How long `drops` take to flow in, rounded up.
    fn time_for(&self, drops: u128) -> Duration {
        let nanos = drops.div_ceil(u128::from(self.units.get()));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// What is left of a rate.
#[derive(Debug)]
pub struct TokenBucket {
    rate: Rate,
    /// In the drops of `rate`.
    missing: u128,
    at: Duration,
}

impl TokenBucket {
    /// A full bucket.
    pub const fn new(rate: Rate, now: Duration) -> Self {
        Self {
            rate,
            missing: 0,
            at: now,
        }
    }

    /// Takes as much of `wanted` as there is, possibly nothing.
    pub fn take_up_to(&mut self, wanted: u64, now: Duration) -> u64 {
        self.refill(now);
        let there = (self.rate.capacity() - self.missing) / self.rate.drops();
        let taken = there.min(u128::from(wanted));
        self.missing += taken * self.rate.drops();
        u64::try_from(taken).unwrap_or(wanted)
    }

    /// Puts back what was taken and not used.
    pub fn give_back(&mut self, units: u64) {
        self.missing = self
            .missing
            .saturating_sub(u128::from(units) * self.rate.drops());
    }

    /// How long until `wanted` units can be taken at once; for more than the burst, until it is full.
    pub fn wait_for(&mut self, wanted: u64, now: Duration) -> Duration {
        self.refill(now);
        let wanted = (u128::from(wanted) * self.rate.drops()).min(self.rate.capacity());
        let there = self.rate.capacity() - self.missing;
        self.rate.time_for(wanted.saturating_sub(there))
    }

    /// Goes on at another rate. What has been taken stays taken.
    pub fn set_rate(&mut self, rate: Rate, now: Duration) {
        self.refill(now);
        let missing = (self.missing * rate.drops()).div_ceil(self.rate.drops());
        self.missing = missing.min(rate.capacity());
        self.rate = rate;
    }

    /// The rate as it is now.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// A `now` before the last one, as another thread may have read it, changes nothing.
    fn refill(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.at);
        self.missing = self.missing.saturating_sub(self.rate.inflow(elapsed));
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(units: u64, burst: u64) -> Rate {
        Rate::per_second(
            NonZeroU64::new(units).unwrap(),
            NonZeroU64::new(burst).unwrap(),
        )
    }

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_is_there_at_once_and_then_the_rate() {
        let mut bucket = TokenBucket::new(rate(10, 50), millis(0));
        assert_eq!(bucket.take_up_to(60, millis(0)), 50);
        assert_eq!(bucket.take_up_to(1, millis(99)), 0);
        assert_eq!(bucket.take_up_to(1, millis(100)), 1);
        assert_eq!(bucket.take_up_to(100, millis(1_100)), 10);
        // It never holds more than the burst, however long the pause.
        assert_eq!(bucket.take_up_to(1_000, millis(3_600_000)), 50);
    }

    #[test]
    fn it_says_how_long_to_wait() {
        let mut bucket = TokenBucket::new(rate(10, 50), millis(0));
        assert_eq!(bucket.wait_for(50, millis(0)), millis(0));
        bucket.take_up_to(50, millis(0));
        assert_eq!(bucket.wait_for(1, millis(0)), millis(100));
        assert_eq!(bucket.wait_for(20, millis(1_000)), millis(1_000));
        assert_eq!(bucket.wait_for(1_000_000, millis(1_000)), millis(4_000));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut bucket = TokenBucket::new(rate(1, 5), millis(0));
        assert_eq!(bucket.take_up_to(5, millis(0)), 5);
        bucket.give_back(2);
        assert_eq!(bucket.take_up_to(5, millis(0)), 2);
        bucket.give_back(100);
        assert_eq!(bucket.take_up_to(100, millis(0)), 5);
    }

    #[test]
    fn a_new_rate_forgives_nothing() {
        let mut bucket = TokenBucket::new(rate(10, 100), millis(0));
        bucket.take_up_to(100, millis(0));
        bucket.set_rate(rate(1, 200), millis(0));
        assert_eq!(
            bucket.take_up_to(200, millis(0)),
            100,
            "only what the new burst adds"
        );
        bucket.set_rate(rate(1, 10), millis(0));
        assert_eq!(bucket.take_up_to(10, millis(3_000)), 3);
    }

    #[test]
    fn an_hourly_rate_flows_back_evenly() {
        let mut bucket = TokenBucket::new(Rate::per_hour(NonZeroU64::new(3).unwrap()), millis(0));
        assert_eq!(bucket.take_up_to(9, millis(0)), 3);
        assert_eq!(bucket.wait_for(1, millis(0)), Duration::from_mins(20));
        assert_eq!(bucket.take_up_to(9, Duration::from_secs(2_399)), 1);
        assert_eq!(bucket.take_up_to(9, Duration::from_mins(40)), 1);
    }

    #[test]
    fn asking_often_loses_nothing() {
        let mut bucket = TokenBucket::new(Rate::per_hour(NonZeroU64::new(7).unwrap()), millis(0));
        bucket.take_up_to(7, millis(0));
        let taken: u64 = (1..=3_600_000)
            .map(|ms| bucket.take_up_to(1, millis(ms)))
            .sum();
        assert_eq!(taken, 7);
    }

    proptest! {
        /// Over any span no more is taken than the burst and what the rate yields, whatever the pattern; and
        /// somebody who always asks gets it all.
        #[test]
        fn never_more_and_never_less_than_the_rate(
            units in 1u64..5_000,
            burst in 1u64..5_000,
            steps in prop::collection::vec((0u64..700, 0u64..2_000), 1..60),
        ) {
            let mut bucket = TokenBucket::new(rate(units, burst), millis(0));
            let (mut now, mut taken, mut always_short) = (0, 0, true);
            for (pause, wanted) in steps {
                now += pause;
                let got = bucket.take_up_to(wanted, millis(now));
                prop_assert!(got <= wanted);
                taken += got;
                always_short &= got < wanted;
                prop_assert!(taken <= burst + units * now / 1_000);
            }
            if always_short && now > 0 {
                let rest = bucket.take_up_to(u64::MAX, millis(now));
                prop_assert_eq!(rest, 0);
            }
        }

        /// `wait_for` is exact: then there is enough, a nanosecond before there is not.
        #[test]
        fn the_wait_is_exact(units in 1u64..1_000_000, burst in 1u64..10_000, wanted in 1u64..20_000) {
            let mut bucket = TokenBucket::new(rate(units, burst), millis(0));
            bucket.take_up_to(burst, millis(0));
            let wait = bucket.wait_for(wanted, millis(0));
            let early = wait.saturating_sub(Duration::from_nanos(1));
            let wanted = wanted.min(burst);
            prop_assert!(bucket.take_up_to(wanted, early) < wanted);
            let mut bucket = TokenBucket::new(rate(units, burst), millis(0));
            bucket.take_up_to(burst, millis(0));
            prop_assert_eq!(bucket.take_up_to(wanted, wait), wanted);
        }
    }
}
