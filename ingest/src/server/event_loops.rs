//! The loops: a thread each, with a single-threaded runtime, and the connections that were handed to it.
//!
//! A connection stays where it was handed to, so what a loop keeps is shared by nobody.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::context::LoopContext;
use crate::http::connection::HttpServer;
use crate::http::context::HttpContext;
use crate::http::router::Routes;
use crate::listener::dispatch::{Accepted, Dispatcher};
use crate::listener::door::Door;

/// Sockets that may wait for a loop; beyond, the acceptor waits, and the system queues.
const QUEUE_MAX: usize = 256;

/// How often an idle loop wakes up. While a timer of its own is always near, tokio has no reason to interrupt the loop,
/// with a system call and another turn, for each timer that a connection sets and drops again: there is one a request.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// All loops of a server.
#[derive(Debug)]
pub(super) struct EventLoops {
    dispatcher: Dispatcher,
    threads: Vec<JoinHandle<()>>,
}

impl EventLoops {
    /// Starts a thread for each context.
    pub(super) fn start(
        contexts: Vec<Arc<LoopContext>>,
        door: &Arc<Door>,
        finish_within: Duration,
    ) -> io::Result<Self> {
        let mut senders = Vec::with_capacity(contexts.len());
        let mut threads = Vec::with_capacity(contexts.len());
        for (number, context) in contexts.into_iter().enumerate() {
            let (sender, sockets) = mpsc::channel(QUEUE_MAX);
            let door = Arc::clone(door);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let thread = std::thread::Builder::new()
                .name(format!("loop-{number}"))
                .spawn(move || runtime.block_on(run(context, door, sockets, finish_within)))?;
            senders.push(sender);
            threads.push(thread);
        }
        Ok(Self {
            dispatcher: Dispatcher::new(senders),
            threads,
        })
    }

    pub(super) fn dispatcher(&self) -> Dispatcher {
        self.dispatcher.clone()
    }

    /// Blocks until every loop has finished its connections or run out of time. No socket can come any more when all
    /// other dispatchers are gone.
    pub(super) fn finish(self) {
        drop(self.dispatcher);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("an event loop panicked");
            }
        }
    }
}

async fn run(
    context: Arc<LoopContext>,
    door: Arc<Door>,
    mut sockets: mpsc::Receiver<Accepted>,
    finish_within: Duration,
) {
    let deliver = tokio::spawn(context.events.deliver());
    let heartbeat = tokio::spawn(beat());
    let routes = Routes::new(HttpContext::new(Arc::clone(&context)));
    let http = Arc::new(HttpServer::new(routes, Arc::clone(&context.server)));
    let connections = TaskTracker::new();
    while let Some(accepted) = sockets.recv().await {
        let door = Arc::clone(&door);
        let (http, context) = (Arc::clone(&http), Arc::clone(&context));
        connections.spawn(async move { door.serve(accepted, &http, &context).await });
    }
    connections.close();
    let finished = tokio::time::timeout(finish_within, connections.wait()).await;
    if finished.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "connections were cut: they did not finish in time"
        );
    }
    // Whatever is left is dropped with the runtime, which closes its socket.
    deliver.abort();
    heartbeat.abort();
}

async fn beat() {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
    }
}
