//! What is pushed: a fleet of hosts as monitoring sees it, the same points for the same seed.
//!
//! Ten metrics a host, five tags, one step every ten seconds:
//!
//! ```text
//! 4  integer walks between 0 and 100          put cpu.user 1767225600 58 host=host_17 region=..
//! 1  memory in bytes, in pages of 4 KiB
//! 2  two-decimal walks
//! 2  counters
//! 1  noisy three-decimal latency
//! ```
//!
//! A value depends on seed, series and step alone, so any number of connections pushes the same points.

use std::num::NonZeroU32;

/// Seconds between two points of a series.
const STEP_SECONDS: u64 = 10;

/// 2026-01-01T00:00:00Z, a day border: ten thousand series stay within one day for 86 million points.
const START_SECONDS: u64 = 1_767_225_600;

/// How a series' value moves.
#[derive(Debug, Clone, Copy)]
enum Walk {
    /// Up or down by at most one, within 0..=100.
    Percent,
    /// Whole pages around 8 GiB.
    Bytes,
    /// Up or down by less than one, two decimals.
    Hundredths,
    /// Only up.
    Counter,
    /// No memory: each value by itself, three decimals.
    Noise,
}

const METRICS: [(&str, Walk); 10] = [
    ("cpu.user", Walk::Percent),
    ("cpu.system", Walk::Percent),
    ("cpu.iowait", Walk::Percent),
    ("disk.used.percent", Walk::Percent),
    ("memory.used.bytes", Walk::Bytes),
    ("load.one.minute", Walk::Hundredths),
    ("temperature.celsius", Walk::Hundredths),
    ("net.received.bytes", Walk::Counter),
    ("net.sent.bytes", Walk::Counter),
    ("http.latency.ms", Walk::Noise),
];
const METRIC_COUNT: usize = METRICS.len();

const REGIONS: [&str; 6] = [
    "us-east-1",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "ap-south-1",
    "sa-east-1",
];
const TEAMS: [&str; 4] = ["SF", "NYC", "LON", "CHI"];

/// In which order the series of one step come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Order {
    /// Host by host, always the same, as collectors send.
    Fixed,
    /// Another order in every step, as a crowd of devices sends.
    Shuffled,
}

/// Which points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) series: NonZeroU32,
    pub(crate) order: Order,
    /// Steps already pushed by an earlier load.
    pub(crate) first_step: u32,
    /// Points of every series.
    pub(crate) steps: u32,
}

impl Shape {
    pub(crate) fn points(&self) -> u64 {
        u64::from(self.series.get()) * u64::from(self.steps)
    }
}

/// A value as decimal: 1234 with two decimals is `12.34`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) mantissa: i64,
    pub(crate) decimals: usize,
}

/// Tags of one host in both spellings.
#[derive(Debug)]
pub(crate) struct Tags {
    pub(crate) telnet: String,
    pub(crate) json: String,
}

/// One point, borrowed from its portion.
#[derive(Debug)]
pub(crate) struct Point<'a> {
    pub(crate) metric: &'static str,
    pub(crate) tags: &'a Tags,
    pub(crate) seconds: u64,
    pub(crate) value: Decimal,
}

/// The points of one connection: a run of hosts, step by step.
#[derive(Debug)]
pub(crate) struct Portion {
    shape: Shape,
    first_series: u32,
    tags: Vec<Tags>,
    levels: Vec<i64>,
    order: Vec<u32>,
    step: u32,
    position: usize,
}

impl Portion {
    /// Portion `index` of `count` about equal ones.
    pub(crate) fn new(shape: Shape, index: u32, count: NonZeroU32) -> Portion {
        let border = |index: u32| {
            let series = u64::from(shape.series.get()) * u64::from(index) / u64::from(count.get());
            u32::try_from(series).unwrap_or(u32::MAX)
        };
        let (first, end) = (border(index), border(index + 1));
        let hosts = hosts_of(first)..hosts_of(end.max(first + 1) - 1) + 1;
        let mut portion = Portion {
            shape,
            first_series: first,
            tags: hosts.map(tags_of).collect(),
            levels: (first..end)
                .map(|series| starting_level(shape.seed, series))
                .collect(),
            order: (0..end - first).collect(),
            step: 0,
            position: 0,
        };
        portion.skip_to_first_step();
        portion
    }

    /// Levels depend on all earlier steps: walk through those that an earlier load has pushed.
    fn skip_to_first_step(&mut self) {
        for step in 0..self.shape.first_step {
            for index in 0..self.levels.len() {
                self.advance(index, step);
            }
        }
        self.step = self.shape.first_step;
        self.begin_step();
    }

    /// The next point, until every step is through.
    pub(crate) fn next_point(&mut self) -> Option<Point<'_>> {
        if self.position == self.order.len() {
            self.step += 1;
            self.position = 0;
            self.begin_step();
        }
        if self.step >= self.shape.first_step + self.shape.steps {
            return None;
        }
        let index = *self.order.get(self.position)? as usize;
        self.position += 1;
        let value = self.advance(index, self.step);
        let series = self.first_series + u32::try_from(index).ok()?;
        let host = hosts_of(series) - hosts_of(self.first_series);
        let (metric, _) = metric_of(series);
        let seconds = START_SECONDS + u64::from(self.step) * STEP_SECONDS;
        Some(Point {
            metric,
            tags: self.tags.get(host as usize)?,
            seconds,
            value,
        })
    }

    fn begin_step(&mut self) {
        if self.shape.order == Order::Fixed {
            return;
        }
        let mut random = mix(self.shape.seed ^ u64::from(self.step) << 20 ^ 0x5_4ff1e);
        for end in (1..self.order.len()).rev() {
            random = mix(random);
            self.order.swap(end, below(random, end as u64 + 1));
        }
    }

    /// Moves one series by one step and gives its new value.
    fn advance(&mut self, index: usize, step: u32) -> Decimal {
        let series = self.first_series + u32::try_from(index).unwrap_or_default();
        let random = mix(self.shape.seed ^ u64::from(series) << 32 ^ u64::from(step));
        let Some(level) = self.levels.get_mut(index) else {
            return Decimal {
                mantissa: 0,
                decimals: 0,
            };
        };
        let (_, walk) = metric_of(series);
        match walk {
            Walk::Percent => *level = (*level + uniform(random, 3) - 1).clamp(0, 100),
            Walk::Bytes => *level = (*level + (uniform(random, 65) - 32) * 4096).max(1 << 30),
            Walk::Hundredths => *level = (*level + uniform(random, 21) - 10).clamp(0, 9_999),
            Walk::Counter => *level += uniform(random, 1_500),
            Walk::Noise => *level = 1_000 + uniform(random, 30_000),
        }
        let decimals = match walk {
            Walk::Percent | Walk::Bytes | Walk::Counter => 0,
            Walk::Hundredths => 2,
            Walk::Noise => 3,
        };
        Decimal {
            mantissa: *level,
            decimals,
        }
    }
}

fn hosts_of(series: u32) -> u32 {
    series / u32::try_from(METRIC_COUNT).unwrap_or(1)
}

fn metric_of(series: u32) -> (&'static str, Walk) {
    METRICS
        .get(series as usize % METRIC_COUNT)
        .copied()
        .unwrap_or(("none", Walk::Percent))
}

fn starting_level(seed: u64, series: u32) -> i64 {
    let random = mix(seed ^ u64::from(series) << 32 ^ 0xffff_ffff);
    match metric_of(series).1 {
        Walk::Percent => uniform(random, 101),
        Walk::Bytes => (1 << 33) + uniform(random, 1 << 18) * 4096,
        Walk::Hundredths => uniform(random, 10_000),
        Walk::Counter => uniform(random, 1 << 40),
        Walk::Noise => 0,
    }
}

fn tags_of(host: u32) -> Tags {
    let random = mix(u64::from(host));
    let region = REGIONS.get(below(random, 6)).copied().unwrap_or_default();
    let team = TEAMS
        .get(below(random >> 8, 4))
        .copied()
        .unwrap_or_default();
    let zone = ["a", "b", "c"]
        .get(below(random >> 16, 3))
        .copied()
        .unwrap_or_default();
    let service = below(random >> 24, 20);
    Tags {
        telnet: format!(
            "host=host_{host} region={region} datacenter={region}{zone} service=service_{service} team={team}"
        ),
        json: format!(
            r#"{{"host":"host_{host}","region":"{region}","datacenter":"{region}{zone}","service":"service_{service}","team":"{team}"}}"#
        ),
    }
}

/// One step of splitmix64: every input gives a different, well-spread output.
fn mix(input: u64) -> u64 {
    let mut mixed = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number below `limit`; the bias of the remainder does not matter here.
fn below(random: u64, limit: u64) -> usize {
    usize::try_from(random % limit).unwrap_or_default()
}

fn uniform(random: u64, limit: u64) -> i64 {
    i64::try_from(random % limit).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn shape(order: Order) -> Shape {
        let series = NonZeroU32::new(40).unwrap();
        Shape {
            seed: 7,
            series,
            order,
            first_step: 0,
            steps: 3,
        }
    }

    fn points(shape: Shape, connections: u32) -> Vec<String> {
        let count = NonZeroU32::new(connections).unwrap();
        let mut all = Vec::new();
        for index in 0..connections {
            let mut portion = Portion::new(shape, index, count);
            while let Some(point) = portion.next_point() {
                let Point {
                    metric,
                    tags,
                    seconds,
                    value,
                } = point;
                all.push(format!("{metric} {seconds} {value:?} {}", tags.telnet));
            }
        }
        all
    }

    #[test]
    fn the_points_do_not_depend_on_connections_or_order() {
        let set = |points: Vec<String>| points.into_iter().collect::<BTreeSet<_>>();
        let one = points(shape(Order::Fixed), 1);
        assert_eq!(one.len(), 120);
        assert_eq!(set(one.clone()), set(points(shape(Order::Fixed), 3)));
        assert_eq!(set(one), set(points(shape(Order::Shuffled), 2)));
    }

    #[test]
    fn a_later_load_goes_on_where_the_earlier_one_ended() {
        let all = points(shape(Order::Fixed), 1);
        let late = points(
            Shape {
                first_step: 2,
                steps: 1,
                ..shape(Order::Fixed)
            },
            1,
        );
        assert_eq!(all[80..], late);
    }

    #[test]
    fn shuffled_steps_differ() {
        let points = points(shape(Order::Shuffled), 1);
        let order = |step: &[String]| {
            step.iter()
                .map(|line| line.split(' ').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_ne!(order(&points[..40]), order(&points[40..80]));
    }
}
