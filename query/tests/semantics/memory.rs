//! A source whose samples are vectors, and a sink that keeps what it is given.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use penstock_model::{Clock, SeriesKind, Tags, Timestamp, Value};
use penstock_query::{
    Cost, JsonResults, KindFilter, Limits, Name, Point, Query, ResultHead, ResultSink, RunContext,
    RunError, SelectedSeries, Selection, SeriesReader, SeriesSource, StoredRollup, Target, run,
};

/// 2013-01-01T00:00:00Z, the specification's `T`.
pub(crate) const T: i64 = 1_356_998_400;

#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) metric: String,
    pub(crate) kind: SeriesKind,
    pub(crate) tags: Tags,
    pub(crate) samples: Vec<Point>,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) series: Vec<Stored>,
    /// Samples a batch; 0 means all.
    pub(crate) batch: usize,
    /// How often a series was opened.
    pub(crate) opened: Cell<usize>,
    /// What the last selection found.
    pub(crate) selection: Vec<Stored>,
}

impl Memory {
    /// Adds a raw series of `m`: seconds after `T` and values as a client writes them.
    pub(crate) fn with(self, tags: &str, samples: &[(i64, &str)]) -> Self {
        self.with_kind("m", SeriesKind::Raw, tags, samples)
    }

    pub(crate) fn with_kind(
        mut self,
        metric: &str,
        kind: SeriesKind,
        tags: &str,
        samples: &[(i64, &str)],
    ) -> Self {
        let pairs = tags.split(',').filter_map(|pair| pair.split_once('='));
        self.series.push(Stored {
            metric: metric.to_owned(),
            kind,
            tags: Tags::from_pairs(pairs).unwrap(),
            samples: samples
                .iter()
                .map(|(second, value)| {
                    Point::new(
                        Timestamp::from_millis((T + second) * 1_000),
                        Value::parse(value.as_bytes()).unwrap(),
                    )
                })
                .collect(),
        });
        self
    }
}

fn is_of_kind(kind: &SeriesKind, wanted: &KindFilter) -> bool {
    match (kind, wanted) {
        (SeriesKind::Raw, KindFilter::Raw)
        | (SeriesKind::PreAggregate { .. }, KindFilter::PreAggregate) => true,
        (
            SeriesKind::Rollup {
                interval: have,
                aggregator,
            },
            KindFilter::Rollup {
                interval,
                functions,
                is_pre_aggregate: false,
            },
        )
        | (
            SeriesKind::RolledUpPreAggregate {
                interval: have,
                aggregator,
                ..
            },
            KindFilter::Rollup {
                interval,
                functions,
                is_pre_aggregate: true,
            },
        ) => have == interval && functions.contains(aggregator),
        _ => false,
    }
}

impl SeriesSource for Memory {
    type Error = Infallible;
    type Reader<'a> = MemoryReader<'a>;

    fn knows(&self, name: Name<'_>) -> Result<bool, Infallible> {
        Ok(self.series.iter().any(|series| match name {
            Name::Metric(metric) => series.metric == metric,
            Name::TagKey(key) => series.tags.get(key).is_some(),
            Name::TagValue(value) => series.tags.iter().any(|(_, have)| have == value),
        }))
    }

    fn rollups(&self, metric: &str) -> Result<Vec<StoredRollup>, Infallible> {
        let rollups: BTreeSet<_> = self
            .series
            .iter()
            .filter(|series| series.metric == metric)
            .filter_map(|series| match series.kind {
                SeriesKind::Rollup {
                    interval,
                    aggregator,
                } => Some((interval, aggregator, false)),
                SeriesKind::RolledUpPreAggregate {
                    interval,
                    aggregator,
                    ..
                } => Some((interval, aggregator, true)),
                SeriesKind::Raw | SeriesKind::PreAggregate { .. } => None,
            })
            .collect();
        Ok(rollups
            .into_iter()
            .map(|(interval, aggregator, is_pre_aggregate)| StoredRollup {
                interval,
                aggregator,
                is_pre_aggregate,
            })
            .collect())
    }

    fn select(&mut self, selection: &Selection) -> Result<Vec<SelectedSeries>, Infallible> {
        let in_window = |sample: &&Point| {
            (selection.from.millis()..=selection.to.millis()).contains(&sample.time)
        };
        let is_needed = |sample: &&Point| {
            let (from, to) = selection.needed;
            (from.millis()..=to.millis()).contains(&sample.time)
        };
        // As stingy as a source may be.
        let handed_out = |series: &Stored| -> Vec<Point> {
            let all: Vec<Point> = series.samples.iter().filter(in_window).copied().collect();
            let needed: Vec<Point> = all.iter().filter(is_needed).copied().collect();
            if needed.is_empty() { all } else { needed }
        };
        let is_named = |series: &Stored| match &selection.target {
            Target::Metric(metric) => *series.metric == **metric,
            Target::Tsuids(tsuids) => tsuids
                .iter()
                .any(|tsuid| tsuid.eq_ignore_ascii_case(&tsuid_of(series))),
        };
        self.selection = self
            .series
            .iter()
            .filter(|series| {
                is_named(series)
                    && is_of_kind(&series.kind, &selection.kind)
                    && selection
                        .tags
                        .iter()
                        .all(|(key, test)| test.accepts(series.tags.get(key).unwrap_or("")))
            })
            .map(|series| Stored {
                samples: handed_out(series),
                ..series.clone()
            })
            .collect();
        Ok(self
            .selection
            .iter()
            .map(|series| SelectedSeries {
                metric: series.metric.as_str().into(),
                tags: series.tags.clone(),
                function: match series.kind {
                    SeriesKind::Rollup { aggregator, .. }
                    | SeriesKind::RolledUpPreAggregate { aggregator, .. } => Some(aggregator),
                    SeriesKind::Raw | SeriesKind::PreAggregate { .. } => None,
                },
                tsuid: Some(tsuid_of(series).into()),
            })
            .collect())
    }

    fn open(&self, series: usize) -> Result<MemoryReader<'_>, Infallible> {
        self.opened.set(self.opened.get() + 1);
        Ok(MemoryReader {
            rest: &self.selection[series].samples,
            batch: if self.batch == 0 {
                usize::MAX
            } else {
                self.batch
            },
        })
    }
}

/// Something hexadecimal that differs between series.
pub(crate) fn tsuid_of(series: &Stored) -> String {
    let text = format!("{:?}", series.tags);
    let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte:02X}")).collect();
    bytes.concat()
}

#[derive(Debug)]
pub(crate) struct MemoryReader<'a> {
    rest: &'a [Point],
    batch: usize,
}

impl SeriesReader for MemoryReader<'_> {
    type Error = Infallible;

    fn next_batch(&mut self, out: &mut Vec<Point>) -> Result<bool, Infallible> {
        let (batch, rest) = self.rest.split_at(self.batch.min(self.rest.len()));
        out.clear();
        out.extend_from_slice(batch);
        self.rest = rest;
        Ok(!batch.is_empty())
    }
}

/// One result, kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kept {
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) aggregate_tags: Vec<String>,
    pub(crate) points: Vec<Point>,
}

#[derive(Debug, Default)]
pub(crate) struct Keep {
    pub(crate) results: Vec<Kept>,
    ended: usize,
}

impl ResultSink for Keep {
    type Error = Infallible;

    fn begin(&mut self, head: &ResultHead<'_>) -> Result<(), Infallible> {
        assert_eq!(self.ended, self.results.len());
        let owned = |text: &&str| (*text).to_owned();
        self.results.push(Kept {
            tags: head
                .tags
                .iter()
                .map(|(key, value)| (owned(key), owned(value)))
                .collect(),
            aggregate_tags: head.aggregate_tags.iter().map(owned).collect(),
            points: Vec::new(),
        });
        Ok(())
    }

    fn points(&mut self, points: &[Point]) -> Result<(), Infallible> {
        assert!(!points.is_empty());
        self.results
            .last_mut()
            .unwrap()
            .points
            .extend_from_slice(points);
        Ok(())
    }

    fn end(&mut self, cost: &Cost) -> Result<(), Infallible> {
        self.ended += 1;
        let points = self.results.last().unwrap().points.len();
        assert_eq!(usize::try_from(cost.points), Ok(points));
        Ok(())
    }
}

/// A clock that moves by a second whenever somebody looks.
#[derive(Debug, Default)]
pub(crate) struct Ticking(std::sync::atomic::AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(T * 1_000)
    }

    fn monotonic(&self) -> Duration {
        let tick = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Duration::from_secs(tick)
    }
}

pub(crate) const NOW: Timestamp = Timestamp::from_millis((T + 86_400) * 1_000);

pub(crate) fn context(limits: Limits, clock: &dyn Clock) -> RunContext<'_> {
    RunContext {
        limits,
        clock,
        is_cancelled: &|| false,
    }
}

/// A limit of time that a [`Ticking`] clock does not reach.
pub(crate) fn generous() -> Limits {
    Limits {
        duration: Duration::from_secs(u64::from(u32::MAX)),
        ..Limits::default()
    }
}

pub(crate) type Failure = RunError<Infallible, Infallible>;

/// Runs a query and keeps its results.
pub(crate) fn keep(
    query: &Query,
    memory: &mut Memory,
    limits: Limits,
) -> Result<Vec<Kept>, Failure> {
    let mut sink = Keep::default();
    run(
        query,
        memory,
        &mut sink,
        context(limits, &Ticking::default()),
    )?;
    assert_eq!(sink.ended, sink.results.len());
    Ok(sink.results)
}

/// The query of a URI; `+1` in a time is a second after `T`.
pub(crate) fn uri(text: &str) -> Query {
    let pairs = text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let pairs: Vec<(&str, String)> = pairs
        .map(|(name, value)| match value.strip_prefix('+') {
            Some(seconds) => (name, (T + seconds.parse::<i64>().unwrap()).to_string()),
            None => (name, value.to_owned()),
        })
        .collect();
    Query::from_uri(pairs.iter().map(|(name, value)| (*name, &**value)), NOW).unwrap()
}

/// The answer to a URI as text.
pub(crate) fn answer(text: &str, memory: &mut Memory) -> String {
    render(&uri(text), memory)
}

pub(crate) fn render(query: &Query, memory: &mut Memory) -> String {
    let mut sink = JsonResults::new(query, Vec::new());
    let cost = run(
        query,
        memory,
        &mut sink,
        context(generous(), &Ticking::default()),
    )
    .unwrap();
    String::from_utf8(sink.finish(&cost).unwrap()).unwrap()
}

/// The `dps` of the only result, with seconds after `T` as keys.
pub(crate) fn dps(text: &str, memory: &mut Memory) -> String {
    let results = keep(&uri(text), memory, generous()).unwrap();
    assert!(results.len() <= 1, "{results:?}");
    let points = results.iter().flat_map(|result| &result.points);
    let texts: Vec<String> = points
        .map(|point| {
            let number = match point.number {
                penstock_query::Number::Integer(integer) => integer.to_string(),
                penstock_query::Number::Float(float) => format!("{float:?}"),
            };
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let second = (point.time - T * 1_000) as f64 / 1_000.0;
            format!("{second}: {number}")
        })
        .collect();
    texts.join(", ")
}
