//! What is measured and how good it must be. "Must" keeps the release open, "good" is what to aim at.
//!
//! Processor time is compared in **z**: the time that `zstd -1 --single-thread` takes for the same points as
//! telnet text, measured beside it, since seconds mean little on a shared machine.

/// One figure of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bar {
    TelnetTls,
    TelnetPlain,
    TelnetShuffled,
    Https1000x4,
    Https50x64,
    Https50x4,
    NewSeries,
    KnownSeries,
    Memory10k,
    Memory1m,
    AnswerP99,
    ReadyAfterKill,
}

/// How a figure is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Measured in processor seconds a million points, compared in z.
    Cost,
    Mebibytes,
    Milliseconds,
    Seconds,
}

/// What the table says about a bar.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) must: f64,
    pub(crate) good: f64,
}

impl Bar {
    pub(crate) fn goal(self) -> Goal {
        let goal = |title, unit, must, good| Goal {
            title,
            unit,
            must,
            good,
        };
        match self {
            Bar::TelnetTls => goal("telnet over TLS, 10k series", Unit::Cost, 1.6, 1.0),
            Bar::TelnetPlain => goal("telnet plain, 10k series", Unit::Cost, 1.3, 0.7),
            Bar::TelnetShuffled => goal("telnet plain, shuffled", Unit::Cost, 1.6, 1.1),
            Bar::Https1000x4 => goal("HTTPS, 1,000 points x 4 connections", Unit::Cost, 2.7, 1.8),
            Bar::Https50x64 => goal("HTTPS, 50 points x 64 connections", Unit::Cost, 4.0, 2.5),
            Bar::Https50x4 => goal("HTTPS, 50 points x 4 connections", Unit::Cost, 7.0, 5.0),
            Bar::NewSeries => goal("1M new series", Unit::Cost, 21.0, 8.0),
            Bar::KnownSeries => goal("1M known series, shuffled", Unit::Cost, 5.5, 4.0),
            Bar::Memory10k => goal("peak memory, 10k series", Unit::Mebibytes, 132.0, 100.0),
            Bar::Memory1m => goal("peak memory, 1M series", Unit::Mebibytes, 450.0, 300.0),
            Bar::AnswerP99 => goal(
                "answer p99, HTTPS 1,000 x 4",
                Unit::Milliseconds,
                25.0,
                10.0,
            ),
            Bar::ReadyAfterKill => goal("ready after kill -9, 1M series", Unit::Seconds, 3.0, 1.5),
        }
    }
}
