//! The rows that another server sends, read on a thread that may wait.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use penstock_model::SeriesKey;
use penstock_store::row::Row;
use penstock_tenancy::LedgerVolume;
use tokio::runtime::Handle;

use super::VolumeError;
use super::frame::{self, Frame, FrameError};

/// One answer of [`frame`]s. It holds what the connection has read ahead and one frame.
#[derive(Debug)]
pub struct PeerRows {
    volume: String,
    body: Incoming,
    read: BytesMut,
    stall: Duration,
    runtime: Handle,
    /// The series whose rows come next, or are being read.
    series: Option<SeriesKey>,
    series_seen: u64,
    ended: bool,
}

/// What the next frame was.
enum Next {
    Series(SeriesKey),
    Rows,
    End,
}

impl PeerRows {
    /// Call it on a loop; read it elsewhere.
    pub(super) fn new(volume: &LedgerVolume, body: Incoming, stall: Duration) -> Self {
        Self {
            volume: volume.name.clone(),
            body,
            read: BytesMut::new(),
            stall,
            runtime: Handle::current(),
            series: None,
            series_seen: 0,
            ended: false,
        }
    }

    /// The series that comes next; `None` after the last.
    ///
    /// # Errors
    /// [`VolumeError`] if the answer breaks off or is damaged.
    pub fn peek(&mut self) -> Result<Option<&SeriesKey>, VolumeError> {
        let mut passed_over = Vec::new();
        while self.series.is_none() && !self.ended {
            match self.next(&mut passed_over)? {
                Next::Series(key) => self.series = Some(key),
                Next::Rows => {}
                Next::End => self.ended = true,
            }
        }
        Ok(self.series.as_ref())
    }

    /// Puts the next rows of the peeked series into `out`, in place of what it holds. At its end, `false`: then the series
    /// after it can be peeked.
    ///
    /// # Errors
    /// [`VolumeError`] if the answer breaks off or is damaged.
    pub fn next_batch(&mut self, out: &mut Vec<Row>) -> Result<bool, VolumeError> {
        out.clear();
        if self.peek()?.is_none() {
            return Ok(false);
        }
        match self.next(out)? {
            Next::Rows => return Ok(true),
            Next::Series(key) => self.series = Some(key),
            Next::End => {
                self.series = None;
                self.ended = true;
            }
        }
        Ok(false)
    }

    /// Leaves the peeked series, which has no rows that are wanted: the one after it can be peeked.
    ///
    /// # Errors
    /// [`VolumeError`] if the answer breaks off or is damaged.
    pub fn pass_over(&mut self) -> Result<(), VolumeError> {
        let mut passed_over = Vec::new();
        while self.next_batch(&mut passed_over)? {}
        Ok(())
    }

    /// The volume that it comes from.
    pub fn volume(&self) -> &str {
        &self.volume
    }

    fn next(&mut self, rows: &mut Vec<Row>) -> Result<Next, VolumeError> {
        let length = self.whole_frame()?;
        let bytes = self.read.get(..length).unwrap_or_default();
        let damaged = |error: FrameError| VolumeError::missing(&self.volume, error.to_string());
        let next = match frame::read(bytes, rows).map_err(damaged)? {
            Frame::Rows => Next::Rows,
            Frame::Series(key) => {
                let key = SeriesKey::from_bytes(key).map_err(|_| damaged(FrameError))?;
                self.series_seen += 1;
                Next::Series(key)
            }
            Frame::End(series) if series == self.series_seen => Next::End,
            Frame::End(_) => return Err(damaged(FrameError)),
        };
        self.read.advance(length);
        Ok(next)
    }

    /// Waits until a whole frame has been read, and says how long it is.
    fn whole_frame(&mut self) -> Result<usize, VolumeError> {
        loop {
            let length = frame::length(&self.read)
                .map_err(|error| VolumeError::missing(&self.volume, error.to_string()))?;
            match length {
                Some(length) if length <= self.read.len() => return Ok(length),
                _ => self.read_more()?,
            }
        }
    }

    fn read_more(&mut self) -> Result<(), VolumeError> {
        let waiting = async { tokio::time::timeout(self.stall, self.body.frame()).await };
        let broken = |reason: String| VolumeError::missing(&self.volume, reason);
        match self.runtime.block_on(waiting) {
            Ok(Some(Ok(piece))) => {
                if let Ok(bytes) = piece.into_data() {
                    self.read.extend_from_slice(&bytes);
                }
                Ok(())
            }
            Ok(Some(Err(error))) => Err(broken(format!("its answer broke off: {error}"))),
            Ok(None) => Err(broken("its answer broke off".to_owned())),
            Err(_) => Err(broken(format!(
                "its server was silent for {} s in the midst of its answer",
                self.stall.as_secs()
            ))),
        }
    }
}
