//! Who decides whether a tenant may have one more series. The store knows no limits: it asks.

use std::convert::Infallible;

/// What a series is to the count of active series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// It has never been seen.
    New,
    /// It is known, but has no point in the current UTC day yet.
    Returning,
}

/// Decides over new and returning series.
pub trait SeriesBudget {
    /// Why a series is refused; the caller of `resolve` gets it as it is.
    type Refusal;

    /// Whether the tenant may go on with one more series, new or returning, while `tenant_active_today` of its
    /// series are active: have a point in the current UTC day.
    ///
    /// It is asked once for each such series, under a lock of the registry: it must be quick and must not call
    /// the registry. After `Ok` the series exists and, if its point is of today, is active.
    ///
    /// # Errors
    /// The refusal; nothing has changed then.
    fn admit(&self, tenant_active_today: u64, novelty: Novelty) -> Result<(), Self::Refusal>;
}

/// The budget that refuses nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl SeriesBudget for Unlimited {
    type Refusal = Infallible;

    fn admit(&self, _tenant_active_today: u64, _novelty: Novelty) -> Result<(), Infallible> {
        Ok(())
    }
}
