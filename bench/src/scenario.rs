//! What is done to a fresh server, and which bars it measures.

use crate::bars::Bar;
use crate::dataset::{Order, Shape};
use crate::load::Protocol;
use std::num::{NonZeroU32, NonZeroU64};

const TEN_THOUSAND: u32 = 10_000;
const MILLION: u32 = 1_000_000;

/// A load on a fresh server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    TelnetTls,
    TelnetPlain,
    TelnetShuffled,
    #[value(name = "https-1000x4")]
    Https1000x4,
    #[value(name = "https-50x64")]
    Https50x64,
    #[value(name = "https-50x4")]
    Https50x4,
    /// A million new series, then the same ones shuffled, then kill -9 and a restart.
    Million,
}

/// Inside TLS or not; a contender without TLS takes plain text and is told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Tls,
    Plain,
}

/// One load of a scenario.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    /// Where its cost is counted; a load that only prepares the next thing has none.
    pub(crate) bar: Option<Bar>,
    pub(crate) protocol: Protocol,
    pub(crate) wire: Wire,
    pub(crate) connections: NonZeroU32,
    pub(crate) shape: Shape,
}

impl Scenario {
    /// The loads, in order. `points` is the size of the telnet loads; the dearer ones take a part of it.
    pub(crate) fn stages(self, points: u64, seed: u64) -> Vec<Stage> {
        let telnet = Protocol::Telnet;
        let http = |points_per_request| Protocol::Http {
            points_per_request: NonZeroU64::new(points_per_request).unwrap_or(NonZeroU64::MIN),
        };
        let one = |bar, protocol, wire, connections, order, points| {
            let connections = NonZeroU32::new(connections).unwrap_or(NonZeroU32::MIN);
            let shape = shape(TEN_THOUSAND, points, seed, order);
            vec![Stage {
                bar: Some(bar),
                protocol,
                wire,
                connections,
                shape,
            }]
        };
        let (tls, plain) = (Wire::Tls, Wire::Plain);
        let (fixed, shuffled) = (Order::Fixed, Order::Shuffled);
        match self {
            Scenario::TelnetTls => one(Bar::TelnetTls, telnet, tls, 4, fixed, points),
            Scenario::TelnetPlain => one(Bar::TelnetPlain, telnet, plain, 4, fixed, points),
            Scenario::TelnetShuffled => {
                one(Bar::TelnetShuffled, telnet, plain, 4, shuffled, points)
            }
            Scenario::Https1000x4 => one(Bar::Https1000x4, http(1_000), tls, 4, fixed, points / 2),
            Scenario::Https50x64 => one(Bar::Https50x64, http(50), tls, 64, fixed, points / 4),
            Scenario::Https50x4 => one(Bar::Https50x4, http(50), tls, 4, fixed, points / 10),
            Scenario::Million => million(points, seed),
        }
    }

    /// The bar for the most memory held, if this scenario measures one.
    pub(crate) fn memory_bar(self) -> Option<Bar> {
        match self {
            Scenario::TelnetTls => Some(Bar::Memory10k),
            Scenario::Million => Some(Bar::Memory1m),
            _ => None,
        }
    }
}

/// New series, the same ones again in another order, and then so many points of a few of them that the log is about
/// as full as it gets when the kill comes.
fn million(points: u64, seed: u64) -> Vec<Stage> {
    let series = u32::try_from(points).unwrap_or(MILLION).min(MILLION);
    let new = shape(series, u64::from(series), seed, Order::Fixed);
    let known = Shape {
        order: Order::Shuffled,
        first_step: new.steps,
        steps: 9,
        ..new
    };
    let busy = shape(TEN_THOUSAND, points + points / 2, seed, Order::Fixed);
    let busy = Shape {
        first_step: known.first_step + known.steps,
        ..busy
    };
    let stage = |bar, shape| Stage {
        bar,
        protocol: Protocol::Telnet,
        wire: Wire::Plain,
        connections: NonZeroU32::new(4).unwrap_or(NonZeroU32::MIN),
        shape,
    };
    vec![
        stage(Some(Bar::NewSeries), new),
        stage(Some(Bar::KnownSeries), known),
        stage(None, busy),
    ]
}

fn shape(series: u32, points: u64, seed: u64, order: Order) -> Shape {
    let steps = u32::try_from(points / u64::from(series))
        .unwrap_or(u32::MAX)
        .max(1);
    let series = NonZeroU32::new(series).unwrap_or(NonZeroU32::MIN);
    Shape {
        seed,
        series,
        order,
        first_step: 0,
        steps,
    }
}
