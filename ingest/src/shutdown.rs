//! The end of a server, in order.
//!
//! ```text
//!   SIGTERM ─▶ stopping ─▶ unready, no new connections
//!                       ─▶ sessions finish what they have read, close; after 5 s they are cut
//!                       ─▶ store: sync, flush, close
//!                       ─▶ admin port
//! ```
//!
//! A second signal does not hurry it: what would be skipped is the flush, and `kill -9` does that as well, without loss.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The signals that a server obeys.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Takes the signals away from their default, which is to end the process. Call it inside a runtime.
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Cancels `stopping` at SIGTERM or SIGINT, and calls `reload` at every SIGHUP until then.
    pub(crate) async fn obey(mut self, stopping: CancellationToken, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break tracing::info!("SIGTERM: stopping"),
                _ = self.interrupt.recv() => break tracing::info!("SIGINT: stopping"),
                _ = self.hang_up.recv() => reload(),
                () = stopping.cancelled() => return,
            }
        }
        stopping.cancel();
    }
}
