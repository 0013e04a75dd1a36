//! News that waits for the one who takes it, all of it at once.

use parking_lot::Mutex;
use tokio::sync::Notify;

/// What has been told and not been taken yet. One taker.
#[derive(Debug, Default)]
pub(super) struct Told<C> {
    waiting: Mutex<C>,
    filled: Notify,
}

impl<T, C> Told<C>
where
    C: Default + Extend<T> + IntoIterator<Item = T>,
    for<'a> &'a C: IntoIterator<Item = &'a T>,
{
    pub(super) fn tell(&self, what: T) {
        self.waiting.lock().extend([what]);
        self.filled.notify_one();
    }

    /// All of it; waits for the first.
    pub(super) async fn take(&self) -> C {
        loop {
            let filled = self.filled.notified();
            let taken = std::mem::take(&mut *self.waiting.lock());
            if (&taken).into_iter().next().is_some() {
                return taken;
            }
            filled.await;
        }
    }
}
