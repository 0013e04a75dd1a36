//! The semantics once more: written from the specification, one time at a time, everything in memory, nothing
//! shared with the crate but its words. Slow and plain.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the arithmetic of Java, on small cases"
)]

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Int(i64),
    Float(f64),
}

impl Value {
    fn float(self) -> f64 {
        match self {
            Value::Int(value) => value as f64,
            Value::Float(value) => value,
        }
    }
}

pub(crate) type Series = BTreeMap<i64, Value>;

#[derive(Clone, Debug)]
pub(crate) enum Interval {
    All,
    Millis(i64),
    /// Whole local days of a zone of 24 hours each, or months of UTC.
    Days(i64),
    Months(i64),
}

#[derive(Clone, Debug)]
pub(crate) struct Downsampling {
    pub(crate) interval: Interval,
    pub(crate) function: String,
    /// `none`, `nan`, `null` or `zero`.
    pub(crate) fill: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Rating {
    pub(crate) counter: bool,
    pub(crate) max: i64,
    pub(crate) reset: i64,
    pub(crate) drop: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) aggregator: String,
    pub(crate) downsampling: Option<Downsampling>,
    pub(crate) rating: Option<Rating>,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400_000;

/// The window of 8.1 in milliseconds, its end not included.
fn window(question: &Question) -> (i64, i64) {
    let mut s = question.start / 1000;
    let mut e = question.end / 1000 + 1;
    let length = match question.downsampling.as_ref().map(|d| &d.interval) {
        None | Some(Interval::All) => 0,
        Some(Interval::Millis(millis)) => *millis,
        Some(Interval::Days(days)) => days * DAY,
        Some(Interval::Months(months)) => months * 30 * DAY,
    };
    if length > 0 {
        s -= (s * 1000) % length / 1000;
        e += (length - (e * 1000) % length) / 1000;
    }
    let ws = s - s % HOUR;
    let we = if length > 0 && e % HOUR == 0 {
        e
    } else {
        e - e % HOUR + HOUR
    };
    let mut we = we * 1000;
    if let Some(Interval::Days(_) | Interval::Months(_)) =
        question.downsampling.as_ref().map(|d| &d.interval)
    {
        // The last bucket may begin at the end: at most a long month, and an hour that a zone may add.
        let longest = match question.downsampling.as_ref().unwrap().interval {
            Interval::Months(months) => months * 31 * DAY,
            _ => length,
        };
        we = we.max(question.end + longest + HOUR * 1000);
    }
    (ws * 1000, we)
}

/// One group of raw series.
pub(crate) fn answer(question: &Question, series: &[Series]) -> Vec<(i64, Value)> {
    let (ws, we) = window(question);
    let seen: Vec<Series> = series
        .iter()
        .map(|one| {
            one.range(ws..we)
                .map(|(time, value)| (*time, *value))
                .collect()
        })
        .filter(|one: &Series| !one.is_empty())
        .map(|one| downsample(question, &one))
        .map(|one| rate(question, &one))
        .collect();
    merge(question, &seen)
        .into_iter()
        .filter(|(time, _)| question.start <= *time && *time <= question.end)
        .collect()
}

/// Whether a series takes part at all.
pub(crate) fn is_seen(question: &Question, series: &Series) -> bool {
    let (ws, we) = window(question);
    series.range(ws..we).next().is_some()
}

/// The length of a month, counted from January 1970.
fn month_length(months: i64) -> i64 {
    let (year, month) = (1970 + months / 12, months % 12);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        1 if leap => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

/// Which month a day since 1970 lies in.
fn month_of(day: i64) -> i64 {
    let (mut months, mut left) = (0, day);
    while left >= month_length(months) {
        left -= month_length(months);
        months += 1;
    }
    months
}

fn first_day_of_month(months: i64) -> i64 {
    (0..months).map(month_length).sum()
}

/// The start of the bucket that holds `time`; `first` is the series' first point.
fn bucket(question: &Question, first: i64, time: i64) -> i64 {
    match question.downsampling.as_ref().unwrap().interval {
        Interval::All => question.start,
        Interval::Millis(length) => time - time % length,
        Interval::Days(1) => time - time % DAY,
        Interval::Days(days) => {
            let months = month_of(first / DAY);
            let anchor = first_day_of_month(months - months % 12) * DAY;
            anchor + (time - anchor).div_euclid(days * DAY) * days * DAY
        }
        Interval::Months(amount) => {
            let from = month_of(first / DAY);
            let anchor = from - from % 12;
            let months = month_of(time / DAY);
            let start = anchor + (months - anchor).div_euclid(amount) * amount;
            first_day_of_month(start) * DAY
        }
    }
}

/// The start of the next bucket.
fn bucket_after(question: &Question, first: i64, time: i64) -> i64 {
    let start = bucket(question, first, time);
    match question.downsampling.as_ref().unwrap().interval {
        Interval::All => i64::MAX,
        Interval::Millis(length) => start + length,
        Interval::Days(days) => start + days * DAY,
        Interval::Months(amount) => {
            let months = month_of(start / DAY);
            first_day_of_month(months + amount) * DAY
        }
    }
}

fn downsample(question: &Question, series: &Series) -> Series {
    let Some(downsampling) = &question.downsampling else {
        return series.clone();
    };
    let first = *series.keys().next().unwrap();
    let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for (time, value) in series {
        let outside = *time < question.start || *time >= question.end;
        if matches!(downsampling.interval, Interval::All) && outside {
            continue;
        }
        let start = bucket(question, first, *time);
        if question.start <= start && start <= question.end {
            buckets.entry(start).or_default().push(value.float());
        }
    }
    let mut out: Series = buckets
        .into_iter()
        .map(|(start, values)| (start, Value::Float(floats(&downsampling.function, &values))))
        .collect();
    if downsampling.fill != "none" && !matches!(downsampling.interval, Interval::All) {
        let filling = if downsampling.fill == "zero" {
            0.0
        } else {
            f64::NAN
        };
        let mut start = bucket(question, first, question.start);
        while start <= question.end {
            if start >= question.start {
                out.entry(start).or_insert(Value::Float(filling));
            }
            start = bucket_after(question, first, start);
        }
    }
    out
}

fn rate(question: &Question, series: &Series) -> Series {
    let Some(rating) = &question.rating else {
        return series.clone();
    };
    let points: Vec<(i64, Value)> = series.iter().map(|(time, value)| (*time, *value)).collect();
    let mut out = Series::new();
    for pair in points.windows(2) {
        let [(t0, v0), (t1, v1)] = [pair[0], pair[1]];
        let seconds = (t1 - t0) as f64 / 1000.0;
        let difference = match (v0, v1) {
            (Value::Int(v0), Value::Int(v1)) => v1.wrapping_sub(v0) as f64,
            _ => v1.float() - v0.float(),
        };
        // Two integers that far apart count as what their wrapped difference says.
        if !(rating.counter && difference < 0.0) {
            out.insert(t1, Value::Float(difference / seconds));
            continue;
        }
        if rating.drop {
            continue;
        }
        let wrapped = match (v0, v1) {
            (Value::Int(v0), Value::Int(v1)) => rating.max.wrapping_sub(v0).wrapping_add(v1) as f64,
            _ => rating.max as f64 - v0.float() + v1.float(),
        };
        let rate = wrapped / seconds;
        let reset = rating.reset > 0 && rate > rating.reset as f64;
        out.insert(t1, Value::Float(if reset { 0.0 } else { rate }));
    }
    out
}

fn merge(question: &Question, series: &[Series]) -> Vec<(i64, Value)> {
    let times: BTreeSet<i64> = series.iter().flat_map(|one| one.keys().copied()).collect();
    let always_float = question.rating.is_some() || question.downsampling.is_some();
    times
        .into_iter()
        .map(|time| {
            let is_int = !always_float && series.iter().all(|one| looks_integer(one, time));
            if is_int {
                let values: Vec<i64> = series
                    .iter()
                    .filter_map(|one| int_at(question, one, time))
                    .collect();
                (time, Value::Int(ints(&question.aggregator, &values)))
            } else {
                let values: Vec<f64> = series
                    .iter()
                    .filter_map(|one| float_at(question, one, time))
                    .collect();
                (time, Value::Float(floats(&question.aggregator, &values)))
            }
        })
        .collect()
}

fn before(series: &Series, time: i64) -> Option<(i64, Value)> {
    series
        .range(..=time)
        .next_back()
        .map(|(time, value)| (*time, *value))
}

fn after(series: &Series, time: i64) -> Option<(i64, Value)> {
    series
        .range(time + 1..)
        .next()
        .map(|(time, value)| (*time, *value))
}

/// Ended, or integers on both sides.
fn looks_integer(series: &Series, time: i64) -> bool {
    let ended = series.keys().next_back().is_none_or(|last| *last < time);
    let is_int = |point: Option<(i64, Value)>| !matches!(point, Some((_, Value::Float(_))));
    ended || (is_int(before(series, time)) && is_int(after(series, time)))
}

fn interpolation(question: &Question) -> &'static str {
    if question.rating.is_some() {
        return "prev";
    }
    match question.aggregator.as_str() {
        "zimsum" | "count" | "squareSum" | "first" | "last" | "none" => "zim",
        "pfsum" => "prev",
        "mimmin" => "max",
        "mimmax" => "min",
        _ => "lerp",
    }
}

fn int_at(question: &Question, series: &Series, time: i64) -> Option<i64> {
    let (t0, y0) = before(series, time)?;
    let int = |value| match value {
        Value::Int(value) => value,
        Value::Float(_) => panic!("an integer"),
    };
    if t0 == time {
        return Some(int(y0));
    }
    let (t1, y1) = after(series, time)?;
    let (y0, y1) = (int(y0), int(y1));
    Some(match interpolation(question) {
        "lerp" => {
            let product = (time - t0).wrapping_mul(y1.wrapping_sub(y0));
            y0.wrapping_add(product / (t1 - t0))
        }
        "zim" => 0,
        "max" => i64::MAX,
        "min" => i64::MIN,
        _ => y0,
    })
}

fn float_at(question: &Question, series: &Series, time: i64) -> Option<f64> {
    let (t0, y0) = before(series, time)?;
    if t0 == time {
        return Some(y0.float());
    }
    let (t1, y1) = after(series, time)?;
    Some(match interpolation(question) {
        "lerp" => y0.float() + (time - t0) as f64 * (y1.float() - y0.float()) / (t1 - t0) as f64,
        "zim" => 0.0,
        "max" => f64::MAX,
        "min" => -f64::MAX,
        _ => y0.float(),
    })
}

fn welford(values: &[f64]) -> f64 {
    let (mut mean, mut sum) = (values[0], 0.0);
    for (n, x) in (2u32..).zip(&values[1..]) {
        let next = mean + (x - mean) / f64::from(n);
        sum += (x - mean) * (x - next);
        mean = next;
    }
    if values.len() == 1 {
        0.0
    } else {
        (sum / values.len() as f64).sqrt()
    }
}

fn percentile(name: &str, values: &[f64], is_int: bool) -> f64 {
    let digits: String = name
        .trim_start_matches(['e', 'p'])
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let quantile = if digits == "999" {
        99.9
    } else {
        digits.parse::<f64>().unwrap()
    };
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let (p, n) = (quantile / 100.0, sorted.len() as f64);
    let position = if is_int && name.ends_with("r3") {
        if p <= 1.0 / (2.0 * n) {
            0.0
        } else {
            (n * p).round_ties_even()
        }
    } else if is_int && name.ends_with("r7") {
        1.0 + (n - 1.0) * p
    } else {
        p * (n + 1.0)
    };
    if position < 1.0 {
        return sorted[0];
    }
    if position >= n {
        return sorted[sorted.len() - 1];
    }
    let k = position.floor();
    let (low, high) = (sorted[k as usize - 1], sorted[k as usize]);
    low + (position - k) * (high - low)
}

fn ints(name: &str, values: &[i64]) -> i64 {
    let sum = |values: &[i64]| values.iter().fold(0i64, |a, b| a.wrapping_add(*b));
    let as_floats: Vec<f64> = values.iter().map(|value| *value as f64).collect();
    match name {
        "sum" | "zimsum" | "pfsum" => sum(values),
        "min" | "mimmin" => *values.iter().min().unwrap(),
        "max" | "mimmax" => *values.iter().max().unwrap(),
        "avg" => sum(values) / values.len() as i64,
        "count" => values.len() as i64,
        "dev" => welford(&as_floats) as i64,
        "median" => {
            let mut sorted = values.to_vec();
            sorted.sort_unstable();
            sorted[sorted.len() / 2]
        }
        "mult" => values.iter().fold(1i64, |a, b| a.wrapping_mul(*b)),
        "squareSum" => values
            .iter()
            .fold(0i64, |a, b| a.wrapping_add(b.wrapping_mul(*b))),
        "diff" => values[values.len() - 1].wrapping_sub(values[0]),
        "first" | "none" => values[0],
        "last" => values[values.len() - 1],
        _ => percentile(name, &as_floats, true) as i64,
    }
}

fn floats(name: &str, values: &[f64]) -> f64 {
    let kept: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| !value.is_nan())
        .collect();
    match name {
        "count" => return kept.len() as f64,
        "mult" => return values.iter().product(),
        "first" | "none" => return values[0],
        "last" => return values[values.len() - 1],
        _ if kept.is_empty() => return f64::NAN,
        _ => {}
    }
    let sum = |values: &[f64]| values.iter().fold(0.0, |a, b| a + b);
    match name {
        "sum" | "zimsum" | "pfsum" => sum(&kept),
        "min" | "mimmin" => kept.iter().copied().fold(f64::INFINITY, f64::min),
        "max" | "mimmax" => kept.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "avg" => sum(&kept) / kept.len() as f64,
        "dev" => welford(&kept),
        "median" => {
            let mut sorted = kept;
            sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
            sorted[sorted.len() / 2]
        }
        "squareSum" => kept.iter().fold(0.0, |a, b| a + b * b),
        "diff" => {
            // The last of all, NaN or not, against the first that is none; 0 if that is the last.
            let at = values.iter().position(|value| !value.is_nan()).unwrap();
            if at + 1 == values.len() {
                0.0
            } else {
                values[values.len() - 1] - values[at]
            }
        }
        _ => percentile(name, &kept, false),
    }
}
