//! Larger reads beneath TLS.
//!
//! rustls asks for 4 KiB a time, which would be a system call for every four kilobytes. This stream reads up to
//! 64 KiB at once and hands them on. An idle connection holds no buffer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

/// What one system call may bring.
const READ_BYTES: usize = 64 * 1024;

/// A stream with a read buffer that exists only while it holds something.
#[derive(Debug)]
pub struct Buffered<S> {
    stream: S,
    buffer: BytesMut,
}

impl<S> Buffered<S> {
    /// Wraps a stream.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }
}

impl<S> Buffered<S> {
    /// What is read from.
    pub(crate) fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> Buffered<S> {
    /// The next byte, which stays to be read; `None` at the end.
    pub(crate) async fn peek_byte(&mut self) -> io::Result<Option<u8>> {
        poll_fn(|context| {
            ready!(self.poll_fill(context))?;
            Poll::Ready(Ok(self.buffer.first().copied()))
        })
        .await
    }

    /// Reads if nothing is left.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.buffer.is_empty() {
            self.buffer.reserve(READ_BYTES);
            let read = poll_read_buf(Pin::new(&mut self.stream), context, &mut self.buffer);
            if read.is_pending() {
                self.buffer = BytesMut::new();
            }
            ready!(read)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Buffered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.buffer.is_empty() && out.remaining() >= READ_BYTES {
            return Pin::new(&mut this.stream).poll_read(context, out);
        }
        ready!(this.poll_fill(context))?;
        let count = this.buffer.len().min(out.remaining());
        if let Some(head) = this.buffer.get(..count) {
            out.put_slice(head);
        }
        this.buffer.advance(count);
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
        let mut stream = Buffered::new(server);
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
        let mut stream = Buffered::new(server);
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
        assert_eq!(stream.buffer.capacity(), 0);
    }
}
