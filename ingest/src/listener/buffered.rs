//! Larger reads beneath TLS.
//!
//! rustls asks for 4 KiB a time, which would be a system call for every four kilobytes. This stream reads up to
//! 64 KiB at once and hands them on. An idle connection holds no buffer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::buffer_pool::BufferPool;

/// A stream with a read buffer that it holds only while something is in it.
#[derive(Debug)]
pub struct Buffered<S> {
    stream: S,
    pool: Arc<BufferPool>,
    buffer: Option<Box<[u8]>>,
    start: usize,
    end: usize,
}

impl<S> Buffered<S> {
    /// Wraps a stream that runs on the loop of this pool.
    pub fn new(stream: S, pool: Arc<BufferPool>) -> Self {
        Self {
            stream,
            pool,
            buffer: None,
            start: 0,
            end: 0,
        }
    }

    /// What is read from.
    pub(crate) fn get_ref(&self) -> &S {
        &self.stream
    }

    fn unread(&self) -> &[u8] {
        let buffer = self.buffer.as_deref().unwrap_or_default();
        buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes bytes off the front.
    fn take(&mut self, bytes: usize) {
        self.start += bytes;
        if self.start >= self.end
            && let Some(buffer) = self.buffer.take()
        {
            self.pool.put_back(buffer);
        }
    }
}

impl<S: AsyncRead + Unpin> Buffered<S> {
    /// The next byte, which stays to be read; `None` at the end.
    pub(crate) async fn peek_byte(&mut self) -> io::Result<Option<u8>> {
        poll_fn(|context| {
            ready!(self.poll_fill(context))?;
            Poll::Ready(Ok(self.unread().first().copied()))
        })
        .await
    }

    /// Reads if nothing is left.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.buffer.is_some() {
            return Poll::Ready(Ok(()));
        }
        let mut buffer = self.pool.take();
        let mut room = ReadBuf::new(&mut buffer);
        let read = Pin::new(&mut self.stream).poll_read(context, &mut room);
        (self.start, self.end) = (0, room.filled().len());
        if self.end > 0 {
            self.buffer = Some(buffer);
        } else {
            self.pool.put_back(buffer);
        }
        read
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Buffered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_fill(context))?;
        let count = this.unread().len().min(out.remaining());
        if let Some(head) = this.unread().get(..count) {
            out.put_slice(head);
        }
        this.take(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Buffered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn small_reads_get_what_one_large_read_brought() {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let sent: Vec<u8> = (0..200_000u32).map(|i| i.to_le_bytes()[0]).collect();
        client.write_all(&sent).await.unwrap();
        drop(client);
        let mut stream = Buffered::new(server, Arc::default());
        let mut received = Vec::new();
        let mut chunk = [0; 4_096];
        loop {
            let count = stream.read(&mut chunk).await.unwrap();
            if count == 0 {
                break;
            }
            received.extend_from_slice(&chunk[..count]);
        }
        assert_eq!(received, sent);
    }

    #[tokio::test]
    async fn an_idle_connection_holds_no_buffer() {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let mut stream = Buffered::new(server, Arc::default());
        client.write_all(b"x").await.unwrap();
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).await.unwrap();
        let pending = poll_fn(|context| {
            let mut out = ReadBuf::new(&mut byte);
            Poll::Ready(
                Pin::new(&mut stream)
                    .poll_read(context, &mut out)
                    .is_pending(),
            )
        });
        assert!(pending.await);
        assert!(stream.buffer.is_none());
    }
}
