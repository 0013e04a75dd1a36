//! Waiting for a condition: the only place where time passes between two looks.

use anyhow::{Result, bail};
use std::thread;
use std::time::{Duration, Instant};

/// Far more than anything here takes: past it the story has failed, not the machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Looks until `look` gives something.
///
/// # Errors
/// After [`PATIENCE`], naming `what` was waited for; or when a look fails.
pub fn until<T>(what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    at_most(PATIENCE, what, look)
}

/// [`until`] with another limit, for what may rightly take longer.
///
/// # Errors
/// As [`until`].
#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
pub fn at_most<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(BETWEEN_LOOKS);
    }
    bail!("waited {limit:?} in vain: {what}")
}
