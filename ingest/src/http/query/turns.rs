//! How many queries run, and how many may wait for their turn.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::error::ApiError;

/// Queries that wait for their turn; further ones are sent away at once.
const WAITING_MAX: usize = 256;
/// How long they wait.
const TURN_WAIT: Duration = Duration::from_secs(10);

/// Bounds what all queries of a process take together.
#[derive(Debug, Clone)]
pub struct Queries {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Queries {
    /// As many run at the same time as `running_max`.
    pub fn new(running_max: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(running_max)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }

    /// Waits for a turn; it lasts until the permit is dropped.
    ///
    /// # Errors
    /// 503: too many wait already, or it takes too long.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(turn);
        }
        let _waiting = self.waiting.try_acquire().map_err(|_| overloaded())?;
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(TURN_WAIT, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(overloaded()),
        }
    }
}

fn overloaded() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "Too many queries")
        .with_details("as many queries run and wait as may; come back later")
        .with_retry_after(Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_is_full_sends_away_and_one_that_moves_serves() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let queries = Queries::new(1);
            let running = queries.turn().await.unwrap();
            let waiting: Vec<_> = (0..WAITING_MAX)
                .map(|_| {
                    let queries = queries.clone();
                    tokio::spawn(async move { queries.turn().await.is_ok() })
                })
                .collect();
            while queries.waiting.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            let refused = queries.turn().await.unwrap_err();
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
            drop(running);
            for waiting in waiting {
                assert!(waiting.await.unwrap());
            }
            let running = queries.turn().await.unwrap();
            let tired = queries.turn().await.unwrap_err();
            assert_eq!(tired.status(), StatusCode::SERVICE_UNAVAILABLE);
            drop(running);
        });
    }
}
