//! A telnet session: lines in, points to the store, silence or one error line back.
//!
//! ```text
//!   stream ──► Input ──► Interpreter ── Batch ──► EventLoop::append
//!     ▲                    │  Session: Anonymous ── auth ──► Authenticated
//!     │                    │  PointTokens: the grants of ovh.auth tags
//!     └──── Output ◄───────┘
//! ```
//!
//! - Reading never waits for writing; it waits for the store alone, and that is how the store pushes back.
//! - The session closes cleanly only when everything it took is on stable storage. Whatever else ends it is
//!   said in an error line before the close, so a sender that half-closes and then reads to the end knows.
//! - `version` is answered after the same barrier.
//!
//! What is not here: sockets and TLS (`listener`), what a line says (`protocol::telnet`), who may write
//! (`auth`).

mod anonymous;
mod authenticated;
mod closing;
mod input;
mod interpreter;
mod output;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use penstock_store::Sequence;
use penstock_tenancy::Protocol;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use self::closing::Ending;
use self::input::{EndOfInput, Input};
pub(crate) use self::interpreter::STATS_HOST;
use self::interpreter::{Interpreter, Step};
use self::output::Output;
use crate::auth::Authenticator;
use crate::buffer_pool::BufferPool;
use crate::config::TelnetTimeouts;
use crate::listener::reset::AboveTcp;
use crate::listener::{Peer, Transport};
use crate::protocol::telnet::reply;
use crate::write::batch::Committed;
use crate::write::gate::Gate;
use crate::write::{EventLoop, NotAppended};

/// What the telnet sessions of one event loop share.
#[derive(Debug)]
pub struct TelnetContext {
    event_loop: Arc<EventLoop>,
    authenticator: Arc<Authenticator>,
    timeouts: TelnetTimeouts,
    stopping: CancellationToken,
    buffers: Arc<BufferPool>,
}

impl TelnetContext {
    /// Sessions write to `event_loop`, whose thread they run on, end when a time of `timeouts` is over, and when `stopping` is
    /// cancelled.
    pub fn new(
        event_loop: Arc<EventLoop>,
        authenticator: Arc<Authenticator>,
        timeouts: TelnetTimeouts,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            event_loop,
            authenticator,
            timeouts,
            stopping,
            buffers: Arc::default(),
        }
    }
}

/// Serves one session to its end.
///
/// Dropping this future instead is safe and not clean: what was not acknowledged may or may not be stored, and
/// the peer sees a reset.
pub async fn serve<S>(stream: S, peer: Peer, context: &TelnetContext)
where
    S: AsyncRead + AsyncWrite + AboveTcp + Unpin,
{
    stream.reset_when_lost();
    let mut connection = Connection::new(stream, peer, context);
    let ending = connection.run().await;
    tracing::debug!(points = connection.interpreter.points(), %ending, "telnet session ends");
    connection.close(ending).await;
}

#[derive(Debug)]
struct Connection<'a, S> {
    stream: S,
    transport: Transport,
    context: &'a TelnetContext,
    interpreter: Interpreter<'a>,
    input: Input,
    output: Output,
    /// The last record of this session in the log.
    last: Sequence,
    /// Wakes when patience may have ended.
    alarm: Pin<Box<Sleep>>,
    started: Instant,
    last_read: Instant,
}

/// What the server is tired of.
enum Impatience {
    NoToken,
    Idle,
}

/// Why the session is awake.
enum Event {
    Input(io::Result<Option<EndOfInput>>),
    Impatient(Impatience),
    Cut,
    Stopping,
}

impl<'a, S: AsyncRead + AsyncWrite + AboveTcp + Unpin> Connection<'a, S> {
    fn new(stream: S, peer: Peer, context: &'a TelnetContext) -> Self {
        let gate = Gate::new(&context.authenticator, Protocol::Telnet, peer.source());
        Self {
            stream,
            transport: peer.transport,
            context,
            interpreter: Interpreter::new(gate, &context.event_loop),
            input: Input::new(Arc::clone(&context.buffers)),
            output: Output::default(),
            last: Sequence::ZERO,
            alarm: Box::pin(tokio::time::sleep(
                context.timeouts.first_token.min(context.timeouts.idle),
            )),
            started: Instant::now(),
            last_read: Instant::now(),
        }
    }

    async fn run(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.execute().await {
                return ending;
            }
            match self.next_event().await {
                Event::Input(Ok(None)) => {}
                Event::Input(Ok(Some(end))) => return self.end_of_input(end).await,
                Event::Input(Err(error)) => return Ending::Gone(error),
                Event::Impatient(impatience) => {
                    return Ending::refused(self.last_word(&impatience));
                }
                Event::Cut => return Ending::refused(self.interpreter.why_cut()),
                Event::Stopping => {
                    return Ending::refused(
                        "the server is stopping: what comes now is not stored\n",
                    );
                }
            }
        }
    }

    /// Executes all whole lines that have been read.
    async fn execute(&mut self) -> Result<(), Ending> {
        loop {
            let executed = self
                .interpreter
                .execute(self.input.bytes(), &mut self.output);
            self.input.take(executed.taken);
            self.commit(executed.committed).await?;
            match executed.step {
                Step::ReadMore => return Ok(()),
                Step::Version => self.answer_version().await?,
                Step::End(ending) => return Err(ending),
            }
        }
    }

    /// Keeps the place of what was appended. While the store pushes back nothing more is read or executed.
    async fn commit(&mut self, committed: Committed) -> Result<(), Ending> {
        let appended = match committed {
            Committed::Nothing => return Ok(()),
            Committed::Appended(sequence) => Ok(sequence),
            Committed::Held(rows) => self.context.event_loop.append(&rows).await,
            Committed::Stopped(error) => Err(error),
        };
        self.last = appended.map_err(|error: NotAppended| {
            Ending::refused(format!("put: Please throttle writes: {error}\n"))
        })?;
        Ok(())
    }

    async fn answer_version(&mut self) -> Result<(), Ending> {
        self.durable().await?;
        let version = reply::version(self.interpreter.profile());
        self.output.push(version.as_bytes()).map_err(Ending::from)
    }

    async fn durable(&self) -> Result<(), Ending> {
        let durable = self.context.event_loop.durable(self.last).await;
        durable.map_err(|error| Ending::refused(format!("not stored: {error}\n")))
    }

    /// The peer sends no more. A last line without a line feed may be half a line.
    async fn end_of_input(&mut self, end: EndOfInput) -> Ending {
        if self.input.bytes().is_empty() {
            return Ending::Clean;
        }
        if self.transport == Transport::Tls && end == EndOfInput::Closed {
            self.input.finish_line();
            return self.execute().await.err().unwrap_or(Ending::Clean);
        }
        let counts = self.context.event_loop.counts();
        counts.lines_unfinished.fetch_add(1, Ordering::Relaxed);
        Ending::refused(reply::unfinished_line(self.input.bytes()))
    }

    async fn next_event(&mut self) -> Event {
        if self.input.is_full() {
            // Others have their turn between two buffers of a peer that always has more.
            tokio::task::yield_now().await;
        }
        let cut = self.interpreter.cut();
        loop {
            let (stream, input, output) = (&mut self.stream, &mut self.input, &mut self.output);
            let io = poll_fn(|context| {
                match output.poll_send(stream, context) {
                    // Reading does not wait for it.
                    Poll::Ready(()) | Poll::Pending => input.poll_read(stream, context),
                }
            });
            tokio::select! {
                biased;
                () = self.context.stopping.cancelled() => return Event::Stopping,
                () = cut.cancelled() => return Event::Cut,
                read = io => {
                    self.last_read = Instant::now();
                    return Event::Input(read);
                }
                () = &mut self.alarm => {
                    let (at, impatience) = self.patience_ends();
                    if at <= Instant::now() {
                        return Event::Impatient(impatience);
                    }
                    self.alarm.as_mut().reset(at);
                }
            }
        }
    }

    fn patience_ends(&self) -> (Instant, Impatience) {
        let timeouts = self.context.timeouts;
        let idle = (self.last_read + timeouts.idle, Impatience::Idle);
        let no_token = (self.started + timeouts.first_token, Impatience::NoToken);
        if self.interpreter.has_shown_a_token() || idle.0 < no_token.0 {
            idle
        } else {
            no_token
        }
    }

    fn last_word(&self, impatience: &Impatience) -> String {
        let timeouts = self.context.timeouts;
        match impatience {
            Impatience::Idle => format!("idle for {} s\n", timeouts.idle.as_secs()),
            Impatience::NoToken => reply::no_token_within(timeouts.first_token),
        }
    }
}

#[cfg(test)]
mod tests;
