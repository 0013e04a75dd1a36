//! Objects that are to be reconciled again: a set for each kind, so that it never holds more than there are objects.

use std::collections::BTreeSet;

use futures_util::{Stream, stream};
use parking_lot::Mutex;
use penstock_api::Kind;
use tokio::sync::Notify;

use super::change::WakeKey;

/// Who is to be woken, by kind. Waking one twice before it is taken wakes it once.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    applications: Lane,
    write_tokens: Lane,
    read_tokens: Lane,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: Mutex<BTreeSet<WakeKey>>,
    filled: Notify,
}

impl Wakes {
    pub(crate) fn wake(&self, keys: impl IntoIterator<Item = WakeKey>) {
        for key in keys {
            if let Some(lane) = self.lane(key.kind) {
                lane.waiting.lock().insert(key);
                lane.filled.notify_one();
            }
        }
    }

    /// Never ends. One consumer for each kind: two would share the keys between them.
    pub(crate) fn of(&self, kind: Kind) -> impl Stream<Item = WakeKey> + '_ {
        stream::unfold(self.lane(kind), |lane| async move {
            Some((lane?.next().await, lane))
        })
    }

    /// Nobody is woken for a Secret.
    fn lane(&self, kind: Kind) -> Option<&Lane> {
        match kind {
            Kind::MetricsApplication => Some(&self.applications),
            Kind::WriteToken => Some(&self.write_tokens),
            Kind::ReadToken => Some(&self.read_tokens),
            Kind::Secret => None,
        }
    }
}

impl Lane {
    async fn next(&self) -> WakeKey {
        loop {
            let filled = self.filled.notified();
            if let Some(key) = self.waiting.lock().pop_first() {
                return key;
            }
            filled.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;

    fn key(kind: Kind, name: &str) -> WakeKey {
        WakeKey {
            kind,
            namespace: "team".to_owned(),
            name: name.to_owned(),
        }
    }

    #[tokio::test]
    async fn each_kind_gets_its_own_once() {
        let wakes = Wakes::default();
        let (write, read) = (Kind::WriteToken, Kind::ReadToken);
        wakes.wake([
            key(write, "a"),
            key(write, "a"),
            key(read, "b"),
            key(Kind::Secret, "s"),
        ]);
        let mut writes = Box::pin(wakes.of(write));
        assert_eq!(writes.next().await, Some(key(write, "a")));
        assert_eq!(writes.next().now_or_never(), None);
        wakes.wake([key(write, "c")]);
        assert_eq!(writes.next().await, Some(key(write, "c")));
        assert_eq!(Box::pin(wakes.of(read)).next().await, Some(key(read, "b")));
        assert_eq!(Box::pin(wakes.of(Kind::Secret)).next().await, None);
    }
}
