//! The load generator: some connections, a thread each, pushing their portions of a data set.
//!
//! Text is made in the sending thread; it costs a fifth of what any server spends on it.

use crate::dataset::{Portion, Shape};
use crate::render;
use anyhow::{Context, Result, ensure};
use penstock_e2e::{Endpoint, Http, Telnet, Token};
use std::num::{NonZeroU32, NonZeroU64};
use std::thread;
use std::time::{Duration, Instant};

/// As much text as one write takes.
const TELNET_WRITE_BYTES: usize = 64 << 10;

/// What the connections speak.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    /// `put` lines; the clean close at the end is the acknowledgement.
    Telnet,
    /// `POST /api/put`, the next request after the answer to the one before.
    Http { points_per_request: NonZeroU64 },
}

/// A load to push.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) endpoint: Endpoint,
    /// None for a server that asks for none.
    pub(crate) token: Option<Token>,
    pub(crate) protocol: Protocol,
    pub(crate) connections: NonZeroU32,
    pub(crate) shape: Shape,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) points: u64,
    pub(crate) elapsed: Duration,
    /// Answer times of requests, ascending; none for telnet.
    pub(crate) answers: Vec<Duration>,
}

impl Outcome {
    /// The answer time that 99 of 100 requests kept.
    pub(crate) fn p99(&self) -> Option<Duration> {
        self.answers.get(self.answers.len() * 99 / 100).copied()
    }

    pub(crate) fn points_per_second(&self) -> f64 {
        precise(self.points) / self.elapsed.as_secs_f64()
    }
}

/// Counts here stay far below 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of points, far below 2^52"
)]
pub(crate) fn precise(count: u64) -> f64 {
    count as f64
}

impl Load {
    /// Pushes everything and waits for the last acknowledgement.
    ///
    /// # Errors
    /// When the server refuses anything or closes early.
    pub(crate) fn push(&self) -> Result<Outcome> {
        let start = Instant::now();
        let parts = thread::scope(|scope| {
            let sender = |index| scope.spawn(move || self.push_portion(index));
            let threads: Vec<_> = (0..self.connections.get()).map(sender).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, Result<Outcome>>| {
                thread.join().ok().context("a sender panicked")?
            };
            threads
                .into_iter()
                .map(join)
                .collect::<Result<Vec<Outcome>>>()
        })?;
        let mut whole = Outcome {
            elapsed: start.elapsed(),
            ..Outcome::default()
        };
        for part in parts {
            whole.points += part.points;
            whole.answers.extend(part.answers);
        }
        whole.answers.sort_unstable();
        Ok(whole)
    }

    fn push_portion(&self, index: u32) -> Result<Outcome> {
        let portion = Portion::new(self.shape, index, self.connections);
        match self.protocol {
            Protocol::Telnet => self.push_lines(portion),
            Protocol::Http { points_per_request } => self.push_bodies(portion, points_per_request),
        }
    }

    fn push_lines(&self, mut portion: Portion) -> Result<Outcome> {
        let mut session = match &self.token {
            Some(token) => Telnet::login(&self.endpoint, token)?,
            None => Telnet::connect(&self.endpoint)?,
        };
        let mut outcome = Outcome::default();
        let mut buffer = Vec::with_capacity(TELNET_WRITE_BYTES + 256);
        loop {
            buffer.clear();
            let count = render::telnet_lines(&mut portion, TELNET_WRITE_BYTES, &mut buffer);
            if count == 0 {
                break;
            }
            session.send_bytes(&buffer)?;
            outcome.points += count;
        }
        let complaint = session.finish()?;
        ensure!(complaint.is_empty(), "the server said {complaint:?}");
        Ok(outcome)
    }

    fn push_bodies(&self, mut portion: Portion, points_per_request: NonZeroU64) -> Result<Outcome> {
        let mut http = Http::connect(&self.endpoint)?;
        let authorization = self.token.as_ref().map(Token::basic);
        let headers: Vec<(&str, &str)> = authorization
            .iter()
            .map(|value| ("Authorization", value.as_str()))
            .collect();
        let mut outcome = Outcome::default();
        let mut body = Vec::new();
        loop {
            body.clear();
            let count = render::json_body(&mut portion, points_per_request.get(), &mut body);
            if count == 0 {
                return Ok(outcome);
            }
            let start = Instant::now();
            let response = http.request("POST", "/api/put", &headers, &body)?;
            outcome.answers.push(start.elapsed());
            ensure!(
                response.status == 204,
                "{} {}",
                response.status,
                response.text()
            );
            outcome.points += count;
        }
    }
}
