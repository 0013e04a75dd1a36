//! Memory does not follow the number of points: 1,000 series of a day at 10 s, made as they are read.

use std::convert::Infallible;

use penstock_model::{Tags, Timestamp, Value};
use penstock_query::{
    Cost, Limits, Name, Point, Query, ResultHead, ResultSink, SelectedSeries, Selection,
    SeriesReader, SeriesSource, StoredRollup, run,
};

use crate::memory::{T, Ticking, context, generous, uri};

/// Series that are nowhere.
struct Made {
    series: usize,
    samples: i64,
    /// Milliseconds by which series `n` lags: `n * offset`.
    offset: i64,
}

impl SeriesSource for Made {
    type Error = Infallible;
    type Reader<'a> = MadeReader;

    fn knows(&self, _: Name<'_>) -> Result<bool, Infallible> {
        Ok(true)
    }

    fn rollups(&self, _: &str) -> Result<Vec<StoredRollup>, Infallible> {
        Ok(Vec::new())
    }

    fn select(&mut self, _: &Selection) -> Result<Vec<SelectedSeries>, Infallible> {
        Ok((0..self.series)
            .map(|at| SelectedSeries {
                metric: "m".into(),
                tags: Tags::from_pairs([("host", format!("h{at:04}"))]).unwrap(),
                function: None,
                tsuid: None,
            })
            .collect())
    }

    fn open(&self, series: usize) -> Result<MadeReader, Infallible> {
        Ok(MadeReader {
            next: 0,
            end: self.samples,
            lag: self.offset * i64::try_from(series).unwrap(),
        })
    }
}

struct MadeReader {
    next: i64,
    end: i64,
    lag: i64,
}

impl SeriesReader for MadeReader {
    type Error = Infallible;

    fn next_batch(&mut self, out: &mut Vec<Point>) -> Result<bool, Infallible> {
        let end = self.end.min(self.next + 1_000);
        out.clear();
        out.extend((self.next..end).map(|at| {
            Point::new(
                Timestamp::from_millis(T * 1_000 + at * 10_000 + self.lag),
                Value::Decimal {
                    mantissa: at + 1,
                    exponent: -1,
                },
            )
        }));
        self.next = end;
        Ok(!out.is_empty())
    }
}

#[derive(Default)]
struct Count {
    results: usize,
    points: usize,
    /// The most that came at once.
    batch: usize,
}

impl ResultSink for Count {
    type Error = Infallible;

    fn begin(&mut self, _: &ResultHead<'_>) -> Result<(), Infallible> {
        self.results += 1;
        Ok(())
    }

    fn points(&mut self, points: &[Point]) -> Result<(), Infallible> {
        self.points += points.len();
        self.batch = self.batch.max(points.len());
        Ok(())
    }

    fn end(&mut self, _: &Cost) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Results, points and samples of a query that may hold so many bytes.
fn cost(query: &Query, made: &mut Made, bytes: usize) -> (usize, usize, u64) {
    let mut sink = Count::default();
    let limits = Limits {
        bytes,
        ..generous()
    };
    let clock = Ticking::default();
    let cost = run(query, made, &mut sink, context(limits, &clock)).unwrap();
    (sink.results, sink.points, cost.samples)
}

fn day(samples: i64) -> Made {
    Made {
        series: 100,
        samples,
        offset: 0,
    }
}

#[test]
fn a_group_holds_its_times_not_its_points() {
    // 864,000 samples of 24 bytes pass through less than a megabyte.
    let one_group = uri("start=+0&end=+86399&m=sum:m");
    assert_eq!(
        cost(&one_group, &mut day(8_640), 1_000_000),
        (1, 8_640, 864_000)
    );
    let buckets = uri("start=+0&end=+86399&m=sum:1m-avg:m");
    assert_eq!(
        cost(&buckets, &mut day(8_640), 200_000),
        (1, 1_440, 864_000)
    );
}

#[test]
fn groups_of_one_series_hold_nothing() {
    for m in ["none:m", "sum:m{host=*}"] {
        let query = uri(&format!("start=+0&end=+86399&m={m}"));
        assert_eq!(
            cost(&query, &mut day(8_640), 0),
            (100, 864_000, 864_000),
            "{m}"
        );
    }
}

#[test]
fn a_median_holds_a_value_for_each_series_and_time() {
    // 1,000 series of four hours. Eight bytes a value; sixteen where it may turn out that all are integers.
    let minutes = "start=+0&end=+14399&m=p99:1m-avg:m";
    let points = "start=+0&end=+14399&m=median:m";
    for (asked, times, bytes) in [(minutes, 240, 8), (points, 1_440, 16)] {
        let query = uri(asked);
        let values = times * 1_000 * bytes;
        let mut made = Made {
            series: 1_000,
            samples: 1_440,
            offset: 0,
        };
        let more = values + 200_000;
        assert_eq!(cost(&query, &mut made, more), (1, times, 1_440_000));
        let limits = Limits {
            bytes: values,
            ..generous()
        };
        let clock = Ticking::default();
        let mut sink = Count::default();
        let error = run(&query, &mut made, &mut sink, context(limits, &clock)).unwrap_err();
        assert!(error.to_string().contains("maxBytes"), "{error}");
        assert_eq!(sink.results, 0);
    }
}

#[test]
fn filled_buckets_leave_as_they_are_made() {
    let mut sink = Count::default();
    let mut made = Made {
        series: 1,
        samples: 2,
        offset: 0,
    };
    let query = uri("start=+0&end=+31536000&m=sum:10s-sum-zero:m");
    let clock = Ticking::default();
    run(&query, &mut made, &mut sink, context(generous(), &clock)).unwrap();
    assert_eq!((sink.points, sink.batch), (3_153_601, 1_024));
}

#[test]
fn series_that_do_not_line_up_are_read_twice() {
    let mut made = Made {
        series: 20,
        samples: 500,
        offset: 100,
    };
    let query = uri("start=+0&end=+86399&m=avg:m");
    assert_eq!(cost(&query, &mut made, 2_000_000), (1, 10_000, 20_000));
    // Buckets line up whatever the points do.
    let query = uri("start=+0&end=+4979&m=avg:10s-avg:m");
    assert_eq!(cost(&query, &mut made, 200_000), (1, 498, 10_000));
}

#[test]
fn a_thousand_sub_queries_run() {
    let m: Vec<String> = (0..1_000)
        .map(|at| format!("m=sum:{}s-sum:m", at + 1))
        .collect();
    let query = uri(&format!("start=+0&end=+59&{}", m.join("&")));
    let mut made = Made {
        series: 3,
        samples: 6,
        offset: 0,
    };
    let (_, _, samples) = cost(&query, &mut made, 200_000);
    assert_eq!(samples, 18_000);
}
