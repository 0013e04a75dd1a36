//! Devices that push all the time, each with its own connection and clock, and remember every answer.

use crate::reach::point;
use anyhow::{Result, anyhow};
use penstock_e2e::{Endpoint, Http, Token};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// What one device saw.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// How often each status came.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// The seconds of points that were acknowledged with a 2xx.
    pub(crate) acknowledged: Vec<u64>,
    /// Connections that broke, were refused, or ended before an answer.
    pub(crate) broken: u64,
    /// Answers of 401 and 403, whole: what they said and when is the story's failure.
    pub(crate) refusals: Vec<String>,
}

/// A device at work.
pub(crate) struct Device {
    stop: Arc<AtomicBool>,
    pushed: Arc<AtomicU64>,
    thread: JoinHandle<Answers>,
}

impl Device {
    /// Starts pushing `metric`, one point a request, each a second later than the last. `credential` is asked before
    /// each request, as a device that watches its mounted Secret would; `where_to` before each connection.
    pub(crate) fn start(
        metric: &str,
        where_to: impl Fn() -> Result<Endpoint> + Send + 'static,
        credential: impl Fn() -> Token + Send + 'static,
    ) -> Device {
        let stop = Arc::new(AtomicBool::new(false));
        let pushed = Arc::new(AtomicU64::new(0));
        let metric = metric.to_owned();
        let thread = {
            let (stop, pushed) = (Arc::clone(&stop), Arc::clone(&pushed));
            thread::spawn(move || push(&metric, &where_to, &credential, &stop, &pushed))
        };
        Device {
            stop,
            pushed,
            thread,
        }
    }

    /// Points that were acknowledged so far.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed.load(Ordering::Relaxed)
    }

    /// Ends it and gives what it saw.
    pub(crate) fn stop(self) -> Result<Answers> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow!("a device panicked"))
    }
}

/// The first point's time; the points of a device are told apart by their second.
const FIRST_SECOND: u64 = 1_600_000_000;

fn push(
    metric: &str,
    where_to: &impl Fn() -> Result<Endpoint>,
    credential: &impl Fn() -> Token,
    stop: &AtomicBool,
    pushed: &AtomicU64,
) -> Answers {
    let mut answers = Answers::default();
    let mut connection: Option<Http> = None;
    let mut second = FIRST_SECOND;
    while !stop.load(Ordering::Relaxed) {
        if connection.is_none() {
            connection = where_to()
                .and_then(|endpoint| Http::connect(&endpoint))
                .ok();
        }
        let Some(http) = connection.as_mut() else {
            answers.broken += 1;
            // The pod is away; the next look is the next connection.
            thread::yield_now();
            continue;
        };
        second += 1;
        let Ok(response) = http.post("/api/put", &credential().basic(), &point(metric, second))
        else {
            answers.broken += 1;
            connection = None;
            continue;
        };
        *answers.statuses.entry(response.status).or_default() += 1;
        match response.status {
            200..=299 => {
                answers.acknowledged.push(second);
                pushed.fetch_add(1, Ordering::Relaxed);
            }
            401 | 403 => answers.refusals.push(response.text()),
            _ => {}
        }
        if response.header("connection") == Some("close") {
            connection = None;
        }
    }
    answers
}
