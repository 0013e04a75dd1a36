//! From the acceptors to the loops: each socket goes to the next one and stays there.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::Transport;

/// A socket on its way to a loop. Its permit is given back when the connection ends.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: TcpStream,
    pub(crate) address: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Hands sockets to loops, round robin. When the last clone is dropped, the loops finish what they have.
#[derive(Debug, Clone)]
pub(crate) struct Dispatcher {
    loops: Arc<[mpsc::Sender<Accepted>]>,
    next: Arc<AtomicUsize>,
}

impl Dispatcher {
    /// These are the loops' queues.
    pub(crate) fn new(loops: Vec<mpsc::Sender<Accepted>>) -> Self {
        Self {
            loops: loops.into(),
            next: Arc::default(),
        }
    }

    /// Hands a socket to the next loop; waits while its queue is full.
    pub(crate) async fn dispatch(&self, accepted: Accepted) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(number) = turn.checked_rem(self.loops.len()) else {
            return;
        };
        if let Some(next) = self.loops.get(number)
            && next.send(accepted).await.is_err()
        {
            tracing::error!(number, "an event loop is gone");
        }
    }
}
