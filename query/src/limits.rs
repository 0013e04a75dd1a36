//! What one request may cost, and whether it has.
//!
//! A query asks its [`Budget`] before each batch of samples and each growth of memory. It ends with an error that
//! names the limit, never with a shorter answer.

use std::time::Duration;

use penstock_model::Clock;

/// What one request may cost at most. Every limit holds for all its sub-queries together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series that are selected. Default 1,000,000.
    pub series: usize,
    /// Samples that are read, and buckets that are filled. Default 1,000,000,000.
    pub samples: u64,
    /// Bytes of memory for what is between samples and answer. Default 256 MiB.
    pub bytes: usize,
    /// Time from start to end of the computation. Default 60 s.
    pub duration: Duration,
    /// From the start to the end of what is asked for. Default: any.
    pub range: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            series: 1_000_000,
            samples: 1_000_000_000,
            bytes: 256 * 1024 * 1024,
            duration: Duration::from_mins(1),
            range: None,
        }
    }
}

/// Why a query ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// [`Limits::series`].
    #[error("The query selects more than {0} series (limit: maxSeries)")]
    Series(usize),
    /// [`Limits::samples`].
    #[error("The query reads or fills more than {0} samples (limit: maxSamples)")]
    Samples(u64),
    /// [`Limits::bytes`].
    #[error("The query needs more than {0} bytes of memory (limit: maxBytes)")]
    Bytes(usize),
    /// [`Limits::duration`].
    #[error("The query takes longer than {} seconds (limit: maxSeconds)", .0.as_secs())]
    Duration(Duration),
    /// [`Limits::range`].
    #[error("The query asks for more than {} days (limit: maxRangeDays)", days(.0))]
    Range(Duration),
    /// Nobody waits for the answer.
    #[error("The query was cancelled")]
    Cancelled,
}

/// Days, with a fraction if there is one.
fn days(range: &Duration) -> f64 {
    range.as_secs_f64() / 86_400.0
}

/// What a running query has cost.
pub(crate) struct Budget<'a> {
    limits: Limits,
    clock: &'a dyn Clock,
    deadline: Duration,
    is_cancelled: &'a dyn Fn() -> bool,
    series: usize,
    samples: u64,
    filled: u64,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(
        limits: Limits,
        clock: &'a dyn Clock,
        is_cancelled: &'a dyn Fn() -> bool,
    ) -> Self {
        Self {
            limits,
            clock,
            deadline: clock.monotonic().saturating_add(limits.duration),
            is_cancelled,
            series: 0,
            samples: 0,
            filled: 0,
        }
    }

    /// Whether time is up or nobody waits.
    pub(crate) fn check(&self) -> Result<(), Exceeded> {
        if (self.is_cancelled)() {
            return Err(Exceeded::Cancelled);
        }
        if self.clock.monotonic() > self.deadline {
            return Err(Exceeded::Duration(self.limits.duration));
        }
        Ok(())
    }

    /// Checks what is asked for, in milliseconds.
    pub(crate) fn check_range(&self, millis: i64) -> Result<(), Exceeded> {
        let range = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
        match self.limits.range {
            Some(most) if range > most => Err(Exceeded::Range(most)),
            _ => Ok(()),
        }
    }

    /// Series that may still be selected.
    pub(crate) const fn series_left(&self) -> usize {
        self.limits.series.saturating_sub(self.series)
    }

    pub(crate) fn add_series(&mut self, count: usize) -> Result<(), Exceeded> {
        self.series = self.series.saturating_add(count);
        if self.series > self.limits.series {
            return Err(Exceeded::Series(self.limits.series));
        }
        Ok(())
    }

    pub(crate) fn add_samples(&mut self, count: usize) -> Result<(), Exceeded> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.samples = self.samples.saturating_add(count);
        self.check_to_fill(0)
    }

    /// Counts buckets that were filled.
    pub(crate) const fn add_filled(&mut self, count: u64) -> Result<(), Exceeded> {
        self.filled = self.filled.saturating_add(count);
        self.check_to_fill(0)
    }

    /// Checks buckets that are to be filled, before any is.
    pub(crate) const fn check_to_fill(&self, count: u64) -> Result<(), Exceeded> {
        let so_far = self.samples.saturating_add(self.filled);
        if so_far.saturating_add(count) > self.limits.samples {
            return Err(Exceeded::Samples(self.limits.samples));
        }
        Ok(())
    }

    /// Checks the memory that is held now.
    pub(crate) const fn check_bytes(&self, bytes: usize) -> Result<(), Exceeded> {
        if bytes > self.limits.bytes {
            return Err(Exceeded::Bytes(self.limits.bytes));
        }
        Ok(())
    }

    /// Samples that were read.
    pub(crate) const fn samples(&self) -> u64 {
        self.samples
    }

    /// Series that were selected.
    pub(crate) const fn series(&self) -> usize {
        self.series
    }
}

impl std::fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget")
            .field("limits", &self.limits)
            .field("series", &self.series)
            .field("samples", &self.samples)
            .finish_non_exhaustive()
    }
}
