//! What has been read from a peer and not executed yet.
//!
//! ```text
//!   waiting     tail: an unfinished line, usually nothing          no buffer
//!   reading     pool ──► buffer of 64 KiB, tail copied to its front
//!   executing   | done | lines to execute | unfinished line |
//!   waiting     tail ◄── what is left, buffer back to the pool
//! ```
//!
//! So ten thousand connections that say nothing cost next to nothing, and one that says much reads 64 KiB at
//! a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use crate::buffer_pool::{BUFFER_BYTES, BufferPool};

/// How a peer ended what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndOfInput {
    /// It closed its side in the way of the transport: FIN, or `close_notify` over TLS.
    Closed,
    /// Over TLS the socket ended without `close_notify`: somebody may have cut it.
    Truncated,
}

/// One connection's unexecuted bytes.
#[derive(Debug)]
pub(super) struct Input {
    pool: Arc<BufferPool>,
    tail: Vec<u8>,
    buffer: Option<Box<[u8]>>,
    start: usize,
    end: usize,
}

impl Input {
    pub(super) fn new(pool: Arc<BufferPool>) -> Self {
        Self {
            pool,
            tail: Vec::new(),
            buffer: None,
            start: 0,
            end: 0,
        }
    }

    /// Everything that was read and not taken.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.buffer {
            Some(buffer) => buffer.get(self.start..self.end).unwrap_or_default(),
            None => &self.tail,
        }
    }

    /// Whether the last read filled the buffer, so that the peer probably has more.
    pub(super) fn is_full(&self) -> bool {
        self.end == BUFFER_BYTES
    }

    /// Takes bytes off the front.
    pub(super) fn take(&mut self, bytes: usize) {
        if self.buffer.is_some() {
            self.start = self.start.saturating_add(bytes).min(self.end);
        } else {
            self.tail.drain(..bytes.min(self.tail.len()));
        }
    }

    /// Ends the unfinished line that is left, whose sender has said that it is whole.
    pub(super) fn finish_line(&mut self) {
        self.park();
        self.tail.push(b'\n');
    }

    /// Reads until the peer has nothing more to give or the buffer is full. `None` means that something was
    /// read.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<EndOfInput>>> {
        self.fetch_buffer();
        let before = self.end;
        loop {
            let room = self
                .buffer
                .as_mut()
                .and_then(|buffer| buffer.get_mut(self.end..));
            let mut room = ReadBuf::new(room.unwrap_or_default());
            if room.remaining() == 0 {
                return Poll::Ready(Ok(None));
            }
            let answer = match Pin::new(&mut *stream).poll_read(context, &mut room) {
                Poll::Ready(Ok(())) if room.filled().is_empty() => Ok(Some(EndOfInput::Closed)),
                Poll::Ready(Ok(())) => {
                    self.end += room.filled().len();
                    continue;
                }
                // What has been read comes first; the next call meets the same again.
                _ if self.end > before => return Poll::Ready(Ok(None)),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Ok(Some(EndOfInput::Truncated))
                }
                Poll::Ready(Err(error)) => Err(error),
                Poll::Pending => {
                    self.park();
                    return Poll::Pending;
                }
            };
            return if self.end > before {
                Poll::Ready(Ok(None))
            } else {
                Poll::Ready(answer)
            };
        }
    }

    /// A full-size buffer with what is left at its front.
    fn fetch_buffer(&mut self) {
        if let Some(buffer) = &mut self.buffer {
            buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            return;
        }
        let mut buffer = self.pool.take();
        if let Some(front) = buffer.get_mut(..self.tail.len()) {
            front.copy_from_slice(&self.tail);
        }
        (self.start, self.end) = (0, self.tail.len());
        self.tail = Vec::new();
        self.buffer = Some(buffer);
    }

    /// Keeps only what is left, and gives the buffer away.
    fn park(&mut self) {
        self.tail = self.bytes().to_vec();
        if let Some(buffer) = self.buffer.take() {
            self.pool.put_back(buffer);
        }
        (self.start, self.end) = (0, 0);
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.pool.put_back(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    async fn read(input: &mut Input, stream: &mut tokio::io::DuplexStream) -> Option<EndOfInput> {
        poll_fn(|context| input.poll_read(stream, context))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn bytes_come_in_order_and_a_waiting_connection_holds_no_buffer() {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut input = Input::new(Arc::default());
        theirs.write_all(b"first\nsec").await.unwrap();
        assert_eq!(read(&mut input, &mut ours).await, None);
        assert_eq!(input.bytes(), b"first\nsec");
        input.take(6);
        let waiting = poll_fn(|context| Poll::Ready(input.poll_read(&mut ours, context))).await;
        assert!(waiting.is_pending());
        assert!(input.buffer.is_none());
        assert_eq!(input.bytes(), b"sec");
        theirs.write_all(b"ond\n").await.unwrap();
        drop(theirs);
        assert_eq!(read(&mut input, &mut ours).await, None);
        assert_eq!(input.bytes(), b"second\n");
        input.take(7);
        assert_eq!(read(&mut input, &mut ours).await, Some(EndOfInput::Closed));
        assert_eq!(input.bytes(), b"");
    }

    #[tokio::test]
    async fn one_read_brings_no_more_than_a_buffer() {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 20);
        let sent: Vec<u8> = (0..200_000u32).map(|n| n.to_le_bytes()[0]).collect();
        theirs.write_all(&sent).await.unwrap();
        drop(theirs);
        let mut input = Input::new(Arc::default());
        let mut got = Vec::new();
        while read(&mut input, &mut ours).await.is_none() {
            assert!(input.bytes().len() <= BUFFER_BYTES);
            // Leaves some, as an unfinished line would be.
            let taken = input.bytes().len().saturating_sub(100);
            got.extend_from_slice(&input.bytes()[..taken]);
            input.take(taken);
        }
        got.extend_from_slice(input.bytes());
        assert_eq!(got, sent);
    }
}
