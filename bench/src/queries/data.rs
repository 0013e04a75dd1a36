//! The points that are asked for.

use std::fmt::{self, Write as _};

use anyhow::{Result, ensure};
use penstock_e2e::{Endpoint, Telnet, Token};

/// 2026-01-01T00:00:00Z.
pub(super) const START_SECONDS: u64 = 1_767_225_600;
/// Seconds between two points.
pub(super) const STEP_SECONDS: u64 = 10;
/// Of the day's data.
const SERIES: u32 = 1_000;
/// A day.
const STEPS: u64 = 24 * 360;

/// As much text as one write takes.
const WRITE_BYTES: usize = 64 << 10;

/// So many series of a metric, step after step, as points come in life.
#[derive(Debug)]
pub(super) struct Data {
    metric: &'static str,
    series: u32,
    steps: u64,
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { series, steps, .. } = self;
        write!(f, "{series} series of {steps} points")
    }
}

impl Data {
    /// A day of two-decimal walks.
    pub(super) fn of_a_day() -> Self {
        Self {
            metric: "day",
            series: SERIES,
            steps: STEPS,
        }
    }

    /// One point each, at the day's beginning.
    pub(super) fn of_a_million() -> Self {
        Self {
            metric: "many",
            series: 1_000_000,
            steps: 1,
        }
    }

    /// Pushes all of it over one connection.
    pub(super) fn push(&self, endpoint: &Endpoint, token: Option<&Token>) -> Result<()> {
        let mut session = match token {
            Some(token) => Telnet::login(endpoint, token)?,
            None => Telnet::connect(endpoint)?,
        };
        let mut levels: Vec<u64> = (0..u64::from(self.series)).map(|at| 5_000 + at).collect();
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let mut lines = String::new();
        for step in 0..self.steps {
            let seconds = START_SECONDS + step * STEP_SECONDS;
            for (series, level) in levels.iter_mut().enumerate() {
                // xorshift64: any walk will do.
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                *level = (*level + random % 21).saturating_sub(10).max(100);
                let (whole, hundredths) = (*level / 100, *level % 100);
                let (metric, rack) = (self.metric, series % 10);
                writeln!(
                    lines,
                    "put {metric} {seconds} {whole}.{hundredths:02} host=host_{series} rack=rack_{rack}"
                )?;
                if lines.len() > WRITE_BYTES {
                    session.send(&lines)?;
                    lines.clear();
                }
            }
        }
        session.send(&lines)?;
        let complaint = session.finish()?;
        ensure!(complaint.is_empty(), "the server said {complaint:?}");
        Ok(())
    }
}
