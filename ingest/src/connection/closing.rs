//! The end of a session: what it took is made durable, the last word is said, and then the socket is closed
//! in a way that lets the peer read that word.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Connection;
use super::output::PeerDoesNotRead;
use crate::listener::reset::AboveTcp;

/// How long a peer may take to read the last word, and how long nothing may come of its later lines, which are read and
/// dropped. Were they left unread, the system would reset the connection and the word with it.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a peer may go on sending before it is cut off from reading the last word: shorter than what a stopping server
/// gives its sessions, unless that is told otherwise.
const DRAIN_IN_ALL: Duration = Duration::from_secs(4);

/// Why a session ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The peer has finished. A clean close tells it that all of its lines are on stable storage.
    Clean,
    /// It is told why, in this line.
    Refused(String),
    /// The peer has not read its answers: there is no way to tell it anything.
    Unread,
    /// The peer is gone.
    Gone(io::Error),
}

impl Ending {
    pub(super) fn refused(line: impl Into<String>) -> Self {
        Self::Refused(line.into())
    }
}

impl From<PeerDoesNotRead> for Ending {
    fn from(_: PeerDoesNotRead) -> Self {
        Self::Unread
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean => f.write_str("finished"),
            Self::Refused(line) => f.write_str(line.trim_end()),
            Self::Unread => f.write_str("the peer does not read its answers"),
            Self::Gone(error) => write!(f, "the peer is gone: {error}"),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + AboveTcp + Unpin> Connection<'_, S> {
    /// Says the last word and closes. Good lines before a bad one are durable when the error line is sent.
    pub(super) async fn close(mut self, ending: Ending) {
        let ending = match ending {
            Ending::Unread | Ending::Gone(_) => return,
            Ending::Clean => self.durable().await.err().unwrap_or(ending),
            // If they are not durable, the error line is reason enough not to rely on them.
            Ending::Refused(_) => {
                drop(self.durable().await);
                ending
            }
        };
        if let Ending::Refused(line) = ending
            && self.output.push(line.as_bytes()).is_err()
        {
            return;
        }
        self.stream.close_normally();
        // A peer that takes longer is left to itself.
        let sent = tokio::time::timeout(DRAIN, self.send()).await;
        if matches!(sent, Ok(Ok(()))) {
            drop(tokio::time::timeout(DRAIN_IN_ALL, self.drain()).await);
        }
    }

    async fn send(&mut self) -> io::Result<()> {
        let (stream, output) = (&mut self.stream, &mut self.output);
        poll_fn(|context| output.poll_send(stream, context)).await;
        self.stream.shutdown().await
    }

    async fn drain(&mut self) {
        let mut dropped = [0; 4_096];
        while let Ok(Ok(1..)) = tokio::time::timeout(DRAIN, self.stream.read(&mut dropped)).await {}
    }
}
