//! The semantics once more: written from the specification, one time at a time, everything in memory, nothing
//! shared with the crate but its words. Slow and plain.
//!
//! ```text
//!   rollups      which of the stored series are read, and as what
//!   filters      which of them pass
//!   buckets      where calendar buckets begin, in zones whose changes of clocks are written out
//!   functions    one value of many
//! ```

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the arithmetic of Java, on small cases"
)]

mod buckets;
mod filters;
mod functions;
mod rollups;

use std::collections::{BTreeMap, BTreeSet};

use self::buckets::Borders;
pub(crate) use self::buckets::{Interval, ZONES};
pub(crate) use self::filters::Condition;
use self::functions::{floats, ints};
use self::rollups::Member;

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

pub(crate) type Tags = BTreeMap<String, String>;

/// A series of the metric.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Made over several series.
    pub(crate) is_pre_aggregate: bool,
    /// Made over so many hours, by a function.
    pub(crate) rollup: Option<(i64, String)>,
    pub(crate) tags: Tags,
    pub(crate) points: Series,
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
    /// One of [`ZONES`].
    pub(crate) zone: &'static str,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) explicit: bool,
    /// As on the wire, in capital letters.
    pub(crate) usage: String,
    pub(crate) pre_aggregate: bool,
}

/// One result.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) tags: Tags,
    pub(crate) aggregate_tags: Vec<String>,
    pub(crate) points: Vec<(i64, Value)>,
}

/// The whole answer.
pub(crate) fn results(question: &Question, stored: &[Stored]) -> Vec<Outcome> {
    for table in rollups::tables(question, stored) {
        let members = rollups::members(question, stored, table);
        let results: Vec<Outcome> = groups(question, members)
            .iter()
            .filter_map(|group| outcome(question, group))
            .collect();
        if !results.is_empty() {
            return results;
        }
    }
    Vec::new()
}

/// In the order of their first series.
fn groups(question: &Question, members: Vec<Member>) -> Vec<Vec<Member>> {
    let mut groups: Vec<(Vec<String>, Vec<Member>)> = Vec::new();
    for (at, member) in members.into_iter().enumerate() {
        let mut key = filters::group_of(question, &member.tags);
        if question.aggregator == "none" {
            key = vec![at.to_string()];
        }
        match groups.iter_mut().find(|(have, _)| *have == key) {
            Some((_, group)) => group.push(member),
            None => groups.push((key, vec![member])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn outcome(question: &Question, group: &[Member]) -> Option<Outcome> {
    let (ws, we) = window(question);
    // The last calendar bucket may begin at the end, and is read whole.
    let interval = question.downsampling.as_ref().map(|d| d.interval);
    let longest = interval.map_or(0, Interval::longest);
    let seen: Vec<Member> = group
        .iter()
        .map(|member| member.between(ws, we.max(question.end + longest)))
        .filter(|member| is_there(question, we, member))
        .collect();
    let series: Vec<Series> = seen
        .iter()
        .map(|member| rate(question, &downsample(question, member)))
        .collect();
    let points: Vec<(i64, Value)> = merge(question, &series)
        .into_iter()
        .filter(|(time, _)| question.start <= *time && *time <= question.end)
        .collect();
    if points.is_empty() {
        return None;
    }
    let mut values: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (key, value) in seen.iter().flat_map(|member| &member.tags) {
        values.entry(key).or_default().insert(value);
    }
    let is_shared = |values: &BTreeSet<&String>| values.len() == 1;
    Some(Outcome {
        tags: values
            .iter()
            .filter(|(_, values)| is_shared(values))
            .map(|(key, values)| ((*key).clone(), (*values.first().unwrap()).clone()))
            .collect(),
        aggregate_tags: values
            .iter()
            .filter(|(_, values)| !is_shared(values))
            .map(|(key, _)| (*key).clone())
            .collect(),
        points,
    })
}

const HOUR: i64 = 3_600;

/// The window of 8.1 in milliseconds, its end not included.
fn window(question: &Question) -> (i64, i64) {
    let mut s = question.start / 1000;
    let mut e = question.end / 1000 + 1;
    let interval = question.downsampling.as_ref().map(|d| d.interval);
    let length = interval.map_or(0, Interval::nominal);
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
    (ws * 1000, we * 1000)
}

/// A series without points in the window does not exist; the last bucket counts as a part of it.
fn is_there(question: &Question, we: i64, member: &Member) -> bool {
    let Some(first) = member.points.keys().next() else {
        return false;
    };
    let interval = question.downsampling.as_ref().map(|d| d.interval);
    let borders = interval.and_then(|interval| Borders::new(interval, question.zone, *first));
    let begins = |time: i64| borders.as_ref().map(|b| b.border(b.holding(time)));
    *first < we || begins(*first).is_some_and(|bucket| bucket <= question.end)
}

fn downsample(question: &Question, member: &Member) -> Series {
    let Some(downsampling) = &question.downsampling else {
        return member.points.clone();
    };
    let first = *member.points.keys().next().unwrap();
    let borders = Borders::new(downsampling.interval, question.zone, first);
    let mut buckets: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for time in member.points.keys() {
        let start = match &borders {
            Some(borders) => borders.border(borders.holding(*time)),
            None if *time < question.start || *time >= question.end => continue,
            None => question.start,
        };
        if question.start <= start && start <= question.end {
            buckets.entry(start).or_default().push(*time);
        }
    }
    let mut out: Series = buckets
        .into_iter()
        .map(|(start, times)| (start, Value::Float(member.bucket(question, &times))))
        .collect();
    if let Some(borders) = borders
        && downsampling.fill != "none"
    {
        let filling = if downsampling.fill == "zero" {
            0.0
        } else {
            f64::NAN
        };
        let mut k = borders.holding(question.start);
        while borders.border(k) <= question.end {
            if borders.border(k) >= question.start {
                out.entry(borders.border(k))
                    .or_insert(Value::Float(filling));
            }
            k += 1;
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
