//! Answers on their way to a peer that may not read them.
//!
//! Most telnet clients never read. So nothing here waits: what does not go out at once is kept, up to 64 KiB.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// Unsent bytes at which a connection is given up.
const UNSENT_BYTES_MAX: usize = 64 << 10;

/// The peer has read so little that no answer can be kept for it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PeerDoesNotRead;

/// Unsent answers.
#[derive(Debug, Default)]
pub(super) struct Output {
    unsent: Vec<u8>,
    sent: usize,
    unflushed: bool,
    /// The peer has closed its reading side: answers go nowhere, but what it sends is still executed.
    broken: bool,
}

impl Output {
    /// Adds an answer.
    pub(super) fn push(&mut self, answer: &[u8]) -> Result<(), PeerDoesNotRead> {
        if self.broken {
            return Ok(());
        }
        if self.unsent.len() - self.sent + answer.len() > UNSENT_BYTES_MAX {
            return Err(PeerDoesNotRead);
        }
        self.unsent.drain(..self.sent);
        self.sent = 0;
        self.unsent.extend_from_slice(answer);
        Ok(())
    }

    /// Sends what the peer takes. Ready when there is nothing left to do; it never fails, since a peer that
    /// does not listen may still speak.
    pub(super) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let sent = ready!(self.poll_try_send(stream, context));
        if sent.is_err() {
            *self = Self {
                broken: true,
                ..Self::default()
            };
        }
        Poll::Ready(())
    }

    fn poll_try_send<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.unsent.len() {
            let rest = self.unsent.get(self.sent..).unwrap_or_default();
            match ready!(Pin::new(&mut *stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(context))?;
            *self = Self::default();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn answers_wait_for_a_slow_reader_and_arrive_in_order() {
        let (mut ours, mut theirs) = tokio::io::duplex(4);
        let mut output = Output::default();
        output.push(b"one\n").unwrap();
        output.push(b"two\n").unwrap();
        let first = poll_fn(|context| Poll::Ready(output.poll_send(&mut ours, context))).await;
        assert!(first.is_pending());
        output.push(b"three\n").unwrap();
        let mut got = [0; 14];
        tokio::join!(
            poll_fn(|context| output.poll_send(&mut ours, context)),
            async {
                theirs.read_exact(&mut got).await.unwrap();
            }
        );
        assert_eq!(&got, b"one\ntwo\nthree\n");
    }

    #[test]
    fn a_peer_that_never_reads_is_given_up() {
        let mut output = Output::default();
        output.push(&vec![b'x'; UNSENT_BYTES_MAX]).unwrap();
        assert_eq!(output.push(b"y"), Err(PeerDoesNotRead));
    }

    #[tokio::test]
    async fn answers_to_a_peer_that_is_gone_are_dropped() {
        let (mut ours, theirs) = tokio::io::duplex(64);
        drop(theirs);
        let mut output = Output::default();
        output.push(b"ok\n").unwrap();
        poll_fn(|context| output.poll_send(&mut ours, context)).await;
        assert!(output.broken);
        assert!((0..100_000).all(|_| output.push(b"more\n").is_ok()));
    }
}
