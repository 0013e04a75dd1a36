//! The memory of all request bodies together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::error::ApiError;

/// Bytes of one permit: tokio counts permits in 32 bits, and nobody needs it finer.
const STEP_BYTES: u64 = 16 * 1_024;

/// How many bytes all bodies may have at the same time. Clones share it.
#[derive(Debug, Clone)]
pub struct BodyBudget {
    steps: Arc<Semaphore>,
    total: u64,
}

/// What one body has taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct BodyMemory {
    budget: BodyBudget,
    permit: Option<OwnedSemaphorePermit>,
    taken: u64,
}

impl BodyBudget {
    /// A budget of about `bytes`.
    pub fn new(bytes: u64) -> Self {
        let total = (bytes / STEP_BYTES).clamp(1, u64::from(u32::MAX));
        let permits = usize::try_from(total)
            .unwrap_or(usize::MAX)
            .min(Semaphore::MAX_PERMITS);
        Self {
            steps: Arc::new(Semaphore::new(permits)),
            total,
        }
    }

    /// A body that has taken nothing yet.
    pub(super) fn none(&self) -> BodyMemory {
        BodyMemory {
            budget: self.clone(),
            permit: None,
            taken: 0,
        }
    }
}

impl BodyMemory {
    /// Takes what is missing to hold `bytes`, waiting for other bodies to be done. Bodies that each hold some and wait
    /// for more cannot wait for ever: after `wait` the client is told to come back.
    pub(super) async fn grow_to(&mut self, bytes: u64, wait: Duration) -> Result<(), ApiError> {
        let needed = bytes / STEP_BYTES;
        if needed <= self.taken {
            return Ok(());
        }
        let missing = needed - self.taken;
        let fits = needed <= self.budget.total;
        let missing_permits = u32::try_from(missing).ok().filter(|_| fits);
        let Some(missing_permits) = missing_permits else {
            return Err(out_of_memory());
        };
        let acquire = Arc::clone(&self.budget.steps).acquire_many_owned(missing_permits);
        match tokio::time::timeout(wait, acquire).await {
            Ok(Ok(more)) => {
                match &mut self.permit {
                    Some(permit) => permit.merge(more),
                    None => self.permit = Some(more),
                }
                self.taken = needed;
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(out_of_memory()),
        }
    }
}

fn out_of_memory() -> ApiError {
    ApiError::overloaded("all request bodies together need more memory than they may")
}
