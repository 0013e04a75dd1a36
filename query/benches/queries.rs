//! What a sample costs on its way through a query: a day of 10 s samples in 1, 100 and 1,000 series.
//!
//! The source copies from memory, so this is the query alone, without a store.

#![expect(clippy::unwrap_used, reason = "a benchmark is read, not called")]

use std::convert::Infallible;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use penstock_model::{SystemClock, Tags, Timestamp, Value};
use penstock_query::{
    JsonResults, Limits, Name, Point, Query, RunContext, SelectedSeries, Selection, SeriesReader,
    SeriesSource, StoredRollup, run,
};

const SAMPLES: i64 = 8_640;
const START: i64 = 1_356_998_400_000;
const BATCH: usize = 4_096;

/// All series have the same samples, or those of the next of a few sets that do not line up.
struct Shared {
    series: Vec<SelectedSeries>,
    sets: Vec<Vec<Point>>,
}

impl Shared {
    fn new(series: usize, sets: i64) -> Self {
        let tags =
            |at: usize| Tags::from_pairs([("host", format!("host-{at}")), ("dc", "x".into())]);
        let set = |set: i64| {
            (0..SAMPLES)
                .map(|at| {
                    Point::new(
                        Timestamp::from_millis(START + at * 10_000 + set * 1_000),
                        Value::Decimal {
                            mantissa: 10_001 + (at * 7_919) % 20_000,
                            exponent: -2,
                        },
                    )
                })
                .collect()
        };
        Self {
            series: (0..series)
                .map(|at| SelectedSeries {
                    metric: "m".into(),
                    tags: tags(at).unwrap(),
                    function: None,
                    tsuid: None,
                })
                .collect(),
            sets: (0..sets).map(set).collect(),
        }
    }
}

struct Copying<'a>(&'a [Point]);

impl SeriesSource for Shared {
    type Error = Infallible;
    type Reader<'a> = Copying<'a>;

    fn knows(&self, _: Name<'_>) -> Result<bool, Infallible> {
        Ok(true)
    }

    fn rollups(&self, _: &str) -> Result<Vec<StoredRollup>, Infallible> {
        Ok(Vec::new())
    }

    fn select(&mut self, _: &Selection) -> Result<Vec<SelectedSeries>, Infallible> {
        Ok(self.series.clone())
    }

    fn open(&self, series: usize) -> Result<Copying<'_>, Infallible> {
        let set = self.sets.get(series % self.sets.len());
        Ok(Copying(set.map_or(&[], Vec::as_slice)))
    }
}

impl SeriesReader for Copying<'_> {
    type Error = Infallible;

    fn next_batch(&mut self, out: &mut Vec<Point>) -> Result<bool, Infallible> {
        let (batch, rest) = self.0.split_at(BATCH.min(self.0.len()));
        out.clear();
        out.extend_from_slice(batch);
        self.0 = rest;
        Ok(!batch.is_empty())
    }
}

fn answer(m: &str, source: &mut Shared) -> u64 {
    let (start, end) = (START.to_string(), (START + 86_399_999).to_string());
    answer_to(&[("start", &start), ("end", &end), ("m", m)], source)
}

fn answer_to(parameters: &[(&str, &str)], source: &mut Shared) -> u64 {
    let query = Query::from_uri(parameters.iter().copied(), Timestamp::from_millis(START)).unwrap();
    let clock = SystemClock::new();
    let context = RunContext {
        limits: Limits::default(),
        clock: &clock,
        is_cancelled: &|| false,
    };
    let mut sink = JsonResults::new(&query, std::io::sink());
    let cost = run(&query, source, &mut sink, context).unwrap();
    sink.finish(&cost).unwrap();
    cost.points
}

fn queries(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("query");
    group.sample_size(10);
    for series in [1, 100, 1_000] {
        let samples = u64::try_from(SAMPLES).unwrap() * series as u64;
        group.throughput(Throughput::Elements(samples));
        let mut aligned = Shared::new(series, 1);
        for m in [
            "sum:1m-avg:m",
            "sum:1m-avg:m{host=*}",
            "sum:1m-p99:m",
            "p99:1m-avg:m",
            "sum:rate:m",
            "sum:m",
            "sum:m{host=*}",
        ] {
            group.bench_function(BenchmarkId::new(m, series), |bench| {
                bench.iter(|| black_box(answer(m, &mut aligned)));
            });
        }
        let mut unaligned = Shared::new(series, 10);
        group.bench_function(BenchmarkId::new("unaligned sum:m", series), |bench| {
            bench.iter(|| black_box(answer("sum:m", &mut unaligned)));
        });
    }
    group.finish();
}

/// What an empty bucket costs: every day of 8,000 years.
fn fills(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fill");
    group.sample_size(10);
    let mut source = Shared::new(1, 1);
    for (m, zone) in [
        ("sum:1d-sum-zero:m", "UTC"),
        ("sum:1dc-sum-zero:m", "UTC"),
        ("sum:1dc-sum-zero:m", "Europe/Paris"),
        ("sum:2dc-sum-zero:m", "Asia/Kolkata"),
        ("sum:1nc-sum-zero:m", "Europe/Paris"),
    ] {
        let parameters = [
            ("start", "1"),
            ("end", "253402300799999"),
            ("timezone", zone),
            ("m", m),
        ];
        group.throughput(Throughput::Elements(answer_to(&parameters, &mut source)));
        group.bench_function(BenchmarkId::new(m, zone), |bench| {
            bench.iter(|| black_box(answer_to(&parameters, &mut source)));
        });
    }
    group.finish();
}

criterion_group!(benches, queries, fills);
criterion_main!(benches);
