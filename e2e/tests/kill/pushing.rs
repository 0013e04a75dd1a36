//! Connections that push numbered points and note what was acknowledged.

use anyhow::{Result, ensure};
use penstock_e2e::{Endpoint, Http, Random, Telnet, Token};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds of the first point; the others follow one by one.
const START: u64 = 1_760_000_000_000;

/// Each connection has a day of its own, so that a flush writes a block for each.
const DAY: u64 = 86_400_000;

/// Points of a request, and lines before an acknowledgement, at most.
const BODY_POINTS_MAX: u64 = 500;
const LINES_MAX: u64 = 1_000;

/// What one connection of one round has to show.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) metric: String,
    /// Milliseconds of its first point.
    pub(crate) start: u64,
    /// Points that may have reached the server.
    pub(crate) sent: AtomicU64,
    /// Points, from the first, that the server has acknowledged.
    pub(crate) acknowledged: AtomicU64,
}

impl Tally {
    pub(crate) fn new(round: u64, index: u64) -> Tally {
        Tally {
            metric: format!("kill.r{round}.c{index}"),
            start: START + index * DAY,
            ..Tally::default()
        }
    }

    /// The value of a point follows from its number; other connections have other values.
    pub(crate) fn value(&self, number: u64) -> u64 {
        let seed = self
            .metric
            .bytes()
            .fold(number, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte));
        Random::new(seed).below(1 << 62)
    }
}

/// Pushes until the server is gone, and ends with that error.
pub(crate) fn push_http(
    tls: &Endpoint,
    token: &Token,
    tally: &Tally,
    answers: &AtomicU64,
    mut random: Random,
) -> Result<()> {
    let mut http = Http::connect(tls)?;
    let mut next = 0;
    loop {
        let end = next + 1 + random.below(BODY_POINTS_MAX);
        let point = |number| {
            let (metric, time, value) = (&tally.metric, tally.start + number, tally.value(number));
            format!(
                r#"{{"metric":"{metric}","timestamp":{time},"value":{value},"tags":{{"a":"b"}}}}"#
            )
        };
        let body: Vec<String> = (next..end).map(point).collect();
        tally.sent.store(end, Ordering::SeqCst);
        let answer = http.post("/api/put", &token.basic(), &format!("[{}]", body.join(",")))?;
        ensure!(answer.status == 204, "{} {}", answer.status, answer.text());
        tally.acknowledged.store(end, Ordering::SeqCst);
        answers.fetch_add(1, Ordering::Relaxed);
        next = end;
    }
}

/// Telnet acknowledges by a clean close, and by the answer to `version`: each about every other time.
pub(crate) fn push_telnet(
    tls: &Endpoint,
    token: &Token,
    tally: &Tally,
    answers: &AtomicU64,
    mut random: Random,
) -> Result<()> {
    let mut session = Telnet::login(tls, token)?;
    let mut next = 0;
    loop {
        let end = next + 1 + random.below(LINES_MAX);
        let mut lines = String::new();
        for number in next..end {
            let (metric, time, value) = (&tally.metric, tally.start + number, tally.value(number));
            writeln!(lines, "put {metric} {time} {value} a=b")?;
        }
        tally.sent.store(end, Ordering::SeqCst);
        session.send(&lines)?;
        if random.below(2) == 0 {
            session.send("version\n")?;
            let answer = session.line()?;
            ensure!(
                answer.starts_with("net.opentsdb.tools "),
                "no answer to version: {answer}"
            );
        } else {
            let complaint = session.finish()?;
            ensure!(complaint.is_empty(), "{complaint}");
            tally.acknowledged.store(end, Ordering::SeqCst);
            session = Telnet::login(tls, token)?;
        }
        tally.acknowledged.store(end, Ordering::SeqCst);
        answers.fetch_add(1, Ordering::Relaxed);
        next = end;
    }
}
