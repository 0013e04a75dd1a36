//! How many exports, and reads for other servers, run in the process at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;

/// Exports that run at the same time in the process; others wait for their turn.
const EXPORTS_MAX: usize = 8;
/// How long they wait.
const TURN_WAIT: Duration = Duration::from_secs(2);
/// Reads for other servers at the same time. Nobody waits for a turn: two servers could wait for each other.
const VOLUME_READS_MAX: usize = 128;

/// Bounds what all exports of a process take together.
#[derive(Debug, Clone)]
pub struct Exports {
    turns: Arc<Semaphore>,
    stall: Duration,
}

impl Exports {
    /// `stall` is how long a client may leave a piece of an export unread.
    pub fn new(stall: Duration) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(EXPORTS_MAX)),
            stall,
        }
    }

    /// How long a client may leave a piece unread.
    pub(super) fn stall(&self) -> Duration {
        self.stall
    }

    /// Waits for a turn; it lasts until the permit is dropped.
    ///
    /// # Errors
    /// 503.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(TURN_WAIT, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(ApiError::overloaded("too many exports are running")),
        }
    }
}

/// Bounds what reads for other servers take together.
#[derive(Debug, Clone)]
pub struct VolumeReads(Arc<Semaphore>);

impl Default for VolumeReads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(VOLUME_READS_MAX)))
    }
}

impl VolumeReads {
    /// A turn, which lasts until the permit is dropped.
    ///
    /// # Errors
    /// 503.
    pub(super) fn turn(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.0)
            .try_acquire_owned()
            .map_err(|_| ApiError::overloaded("too many reads for other servers are running"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn more_exports_than_may_run_wait_and_are_then_sent_away() {
        let exports = Exports::new(Duration::from_secs(1));
        let mut turns = Vec::new();
        for _ in 0..EXPORTS_MAX {
            turns.push(exports.turn().await.unwrap());
        }
        let refused = exports.turn().await.unwrap_err();
        assert_eq!(refused.status(), 503);
        turns.pop();
        assert!(exports.turn().await.is_ok());
    }
}
