//! Waiting until the disk has it.
//!
//! ```text
//!   committer thread ── advance(41) ──► one wake-up ──► deliver(), a task of this event loop
//!                                                          │ wakes every waiter up to 41
//!                                     request: wait(40) ◄──┤
//!                                     request: wait(41) ◄──┘      wait(42) sleeps on
//! ```
//!
//! A wake-up from another thread costs a system call, one within the loop next to nothing: hence the task in
//! between. Each event loop has its own [`Durable`]. It does not know the store: somebody tells it how far the
//! log is synced.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};
use penstock_store::Sequence;

/// The store failed before the rows were on the disk: nobody knows whether they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server could not write to its disk")]
pub struct StoreStopped;

/// Who waits for which sequence on one event loop.
#[derive(Debug, Default)]
pub(crate) struct Durable(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    durable: Sequence,
    failed: bool,
    waiting: BTreeMap<Ticket, Waker>,
    tickets: u64,
    /// Wakes [`Durable::deliver`], once it runs.
    courier: Option<Waker>,
}

/// Orders waiters by what they wait for; the number keeps two for the same sequence apart.
type Ticket = (Sequence, u64);

impl Durable {
    /// Says that everything up to `durable` is on stable storage. Never blocks for longer than a few
    /// instructions; meant for the store's committer thread, once a group.
    pub(crate) fn advance(&self, durable: Sequence) {
        let mut state = self.0.lock();
        state.durable = state.durable.max(durable);
        Self::announce(state);
    }

    /// Says that nothing more will be durable: all who wait are told.
    pub(crate) fn fail(&self) {
        let mut state = self.0.lock();
        state.failed = true;
        Self::announce(state);
    }

    fn announce(mut state: MutexGuard<'_, State>) {
        if !state.somebody_is_ready() {
            return;
        }
        if let Some(courier) = state.courier.clone() {
            drop(state);
            courier.wake();
        } else {
            // Nobody delivers, as in a loop that is just starting: slower, but nobody hangs.
            let ready = state.take_ready();
            drop(state);
            ready.into_iter().for_each(Waker::wake);
        }
    }

    /// Completes when everything up to `sequence` is on stable storage, or never will be. Dropping it is
    /// harmless.
    pub(crate) fn wait(&self, sequence: Sequence) -> Wait<'_> {
        Wait {
            durable: self,
            sequence,
            ticket: None,
        }
    }

    /// Passes wake-ups on to this loop's waiters, for ever: spawn it on the loop, end it by dropping it.
    pub(crate) async fn deliver(&self) {
        let _end = CourierEnd(self);
        poll_fn(|context| {
            let mut state = self.0.lock();
            state.courier = Some(context.waker().clone());
            let ready = state.take_ready();
            drop(state);
            ready.into_iter().for_each(Waker::wake);
            Poll::<()>::Pending
        })
        .await;
    }
}

impl State {
    fn somebody_is_ready(&self) -> bool {
        let first = self.waiting.first_key_value();
        first.is_some_and(|((sequence, _), _)| self.failed || *sequence <= self.durable)
    }

    fn take_ready(&mut self) -> Vec<Waker> {
        if self.failed {
            return std::mem::take(&mut self.waiting).into_values().collect();
        }
        let later = self.waiting.split_off(&(self.durable.next(), 0));
        std::mem::replace(&mut self.waiting, later)
            .into_values()
            .collect()
    }
}

/// Without a courier, waiters are woken directly again.
struct CourierEnd<'a>(&'a Durable);

impl Drop for CourierEnd<'_> {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.courier = None;
        let ready = state.take_ready();
        drop(state);
        ready.into_iter().for_each(Waker::wake);
    }
}

/// Somebody who waits; see [`Durable::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Wait<'a> {
    durable: &'a Durable,
    sequence: Sequence,
    ticket: Option<Ticket>,
}

impl Future for Wait<'_> {
    type Output = Result<(), StoreStopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.durable.0.lock();
        if self.sequence <= state.durable {
            return Poll::Ready(Ok(()));
        }
        if state.failed {
            return Poll::Ready(Err(StoreStopped));
        }
        let ticket = self.ticket.unwrap_or_else(|| {
            state.tickets += 1;
            (self.sequence, state.tickets)
        });
        state.waiting.insert(ticket, context.waker().clone());
        drop(state);
        self.ticket = Some(ticket);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.durable.0.lock().waiting.remove(&ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Count {
        fn wakes(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn poll<F: Future>(future: Pin<&mut F>, count: &Arc<Count>) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(count));
        future.poll(&mut Context::from_waker(&waker))
    }

    #[test]
    fn only_what_is_synced_is_woken_and_the_loop_only_once() {
        let durable = Durable::default();
        let (courier, first, second) = <(Arc<Count>, Arc<Count>, Arc<Count>)>::default();
        let mut deliver = std::pin::pin!(durable.deliver());
        assert!(poll(deliver.as_mut(), &courier).is_pending());
        let mut for_one = std::pin::pin!(durable.wait(Sequence(1)));
        let mut for_three = std::pin::pin!(durable.wait(Sequence(3)));
        assert!(poll(for_one.as_mut(), &first).is_pending());
        assert!(poll(for_three.as_mut(), &second).is_pending());

        durable.advance(Sequence(2));
        assert_eq!((courier.wakes(), first.wakes(), second.wakes()), (1, 0, 0));
        assert!(poll(deliver.as_mut(), &courier).is_pending());
        assert_eq!((courier.wakes(), first.wakes(), second.wakes()), (1, 1, 0));
        assert_eq!(poll(for_one.as_mut(), &first), Poll::Ready(Ok(())));
        assert!(poll(for_three.as_mut(), &second).is_pending());

        // Nobody waits for 2, and word of an older sequence changes nothing.
        durable.advance(Sequence(2));
        durable.advance(Sequence(1));
        assert_eq!(courier.wakes(), 1);
        durable.advance(Sequence(3));
        assert!(poll(deliver.as_mut(), &courier).is_pending());
        assert!(poll(for_three.as_mut(), &second).is_ready());
    }

    #[test]
    fn what_is_durable_already_does_not_wait() {
        let durable = Durable::default();
        durable.advance(Sequence(5));
        let count = Arc::new(Count::default());
        assert!(poll(std::pin::pin!(durable.wait(Sequence(5))), &count).is_ready());
        assert!(poll(std::pin::pin!(durable.wait(Sequence::ZERO)), &count).is_ready());
    }

    #[test]
    fn without_a_courier_waiters_are_woken_directly() {
        let durable = Durable::default();
        let count = Arc::new(Count::default());
        let mut wait = std::pin::pin!(durable.wait(Sequence(1)));
        assert!(poll(wait.as_mut(), &count).is_pending());
        {
            let mut deliver = std::pin::pin!(durable.deliver());
            assert!(poll(deliver.as_mut(), &Arc::new(Count::default())).is_pending());
        }
        durable.advance(Sequence(1));
        assert_eq!(count.wakes(), 1);
    }

    #[test]
    fn a_failure_wakes_everybody_but_what_was_durable_stays_so() {
        let durable = Durable::default();
        durable.advance(Sequence(1));
        let count = Arc::new(Count::default());
        let mut wait = std::pin::pin!(durable.wait(Sequence(9)));
        assert!(poll(wait.as_mut(), &count).is_pending());
        durable.fail();
        assert_eq!(count.wakes(), 1);
        assert_eq!(poll(wait.as_mut(), &count), Poll::Ready(Err(StoreStopped)));
        assert_eq!(
            poll(std::pin::pin!(durable.wait(Sequence(1))), &count),
            Poll::Ready(Ok(()))
        );
    }

    #[test]
    fn who_gives_up_leaves_nothing_behind() {
        let durable = Durable::default();
        let count = Arc::new(Count::default());
        {
            let mut wait = std::pin::pin!(durable.wait(Sequence(1)));
            assert!(poll(wait.as_mut(), &count).is_pending());
            // Polled again by somebody else: still one place in the queue.
            assert!(poll(wait.as_mut(), &count).is_pending());
            assert_eq!(durable.0.lock().waiting.len(), 1);
        }
        assert!(durable.0.lock().waiting.is_empty());
    }
}
