//! Ready means: every latch that was ever taken has been released.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// What the process still waits for. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    waiting: Arc<watch::Sender<BTreeMap<&'static str, usize>>>,
}

/// One thing that is waited for, until it is dropped.
#[derive(Debug)]
pub struct ReadinessLatch {
    readiness: Readiness,
    what: &'static str,
}

impl Readiness {
    /// The process is not ready until the latch is dropped. `what` is told at `/readyz`.
    #[must_use = "dropped at once, nobody waits for it"]
    pub fn wait_for(&self, what: &'static str) -> ReadinessLatch {
        self.waiting
            .send_modify(|waiting| *waiting.entry(what).or_default() += 1);
        ReadinessLatch {
            readiness: self.clone(),
            what,
        }
    }

    /// What is still waited for, in alphabetical order; empty means ready.
    pub fn missing(&self) -> Vec<&'static str> {
        self.waiting.borrow().keys().copied().collect()
    }

    /// Until nothing is waited for.
    pub(super) async fn until_ready(&self) {
        // The sender lives as long as this.
        drop(self.waiting.subscribe().wait_for(BTreeMap::is_empty).await);
    }
}

impl Drop for ReadinessLatch {
    fn drop(&mut self) {
        self.readiness.waiting.send_modify(|waiting| {
            if let Some(count) = waiting.get_mut(self.what) {
                *count -= 1;
                if *count == 0 {
                    waiting.remove(self.what);
                }
            }
        });
    }
}
