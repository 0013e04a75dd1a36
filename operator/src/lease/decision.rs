//! Whether to take the lease. Pure.

use std::time::Duration;

use super::LEASE_LASTS;

/// A lease as one process has seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Observation {
    /// Which version of the object.
    pub(super) version: Option<String>,
    /// Who holds it; `None`: nobody.
    pub(super) holder: Option<String>,
    /// When this process first saw this version, by its own monotonic clock.
    pub(super) since: Duration,
}

/// What to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Write our name into it.
    Take,
    /// This one holds it.
    Wait(String),
}

/// Nobody's lease is taken at once, another's when it has not changed for as long as it lasts.
pub(super) fn decide(identity: &str, seen: &Observation, now: Duration) -> Decision {
    match &seen.holder {
        None => Decision::Take,
        Some(holder) if holder == identity => Decision::Take,
        Some(_) if now.saturating_sub(seen.since) >= LEASE_LASTS => Decision::Take,
        Some(holder) => Decision::Wait(holder.clone()),
    }
}
