//! Which stored series answer, and as what.

use std::collections::{BTreeMap, BTreeSet};

use super::{Question, Series, Stored, Tags, filters, floats};

const HOUR: i64 = 3_600_000;

/// A series as it is read.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) tags: Tags,
    pub(super) points: Series,
    reading: Reading,
}

#[derive(Clone, Debug)]
enum Reading {
    /// What the downsampler asks for.
    Plain,
    /// Counts, which are added.
    Counts,
    /// Sums, and the counts that belong to them.
    Sums(BTreeMap<i64, f64>),
}

impl Member {
    /// What of it lies in a window, whose end is not included.
    pub(super) fn between(&self, from: i64, to: i64) -> Self {
        let points = self.points.range(from..to);
        Self {
            points: points.map(|(time, value)| (*time, *value)).collect(),
            ..self.clone()
        }
    }

    /// The value of a bucket that holds the points at these times.
    pub(super) fn bucket(&self, question: &Question, times: &[i64]) -> f64 {
        let values: Vec<f64> = times.iter().map(|time| self.points[time].float()).collect();
        match &self.reading {
            Reading::Plain => floats(&question.downsampling.as_ref().unwrap().function, &values),
            Reading::Counts => floats("sum", &values),
            Reading::Sums(counts) => {
                let counts: f64 = times.iter().fold(0.0, |sum, time| sum + counts[time]);
                values.iter().fold(0.0, |sum, value| sum + value) / counts
            }
        }
    }
}

/// What is tried, one after another: rollups over so many hours, or what was measured.
pub(super) fn tables(question: &Question, stored: &[Stored]) -> Vec<Option<i64>> {
    let Some(downsampling) = &question.downsampling else {
        return vec![None];
    };
    let length = downsampling.interval.nominal();
    if length == 0 || question.usage == "ROLLUP_RAW" {
        return vec![None];
    }
    let needed = needed(&downsampling.function);
    let has = |hours: i64, function: &str| {
        let mut of_kind = stored.iter().filter(|one| is_of(question, one));
        of_kind.any(|one| one.rollup == Some((hours, function.to_owned())))
    };
    let all: BTreeSet<i64> = stored
        .iter()
        .filter_map(|one| Some(one.rollup.as_ref()?.0))
        .filter(|hours| length % (hours * HOUR) == 0)
        .filter(|hours| !needed.is_empty() && needed.iter().all(|name| has(*hours, name)))
        .collect();
    let largest = all.last().copied();
    match question.usage.as_str() {
        "ROLLUP_NOFALLBACK" => largest.into_iter().map(Some).collect(),
        "ROLLUP_FALLBACK" => all.into_iter().rev().map(Some).collect(),
        _ => largest.into_iter().map(Some).chain([None]).collect(),
    }
}

fn needed(function: &str) -> Vec<&str> {
    match function {
        "avg" => vec!["sum", "count"],
        "dev" => Vec::new(),
        "zimsum" => vec!["sum"],
        "mimmin" => vec!["min"],
        "mimmax" => vec!["max"],
        other => vec![other],
    }
}

fn is_of(question: &Question, one: &Stored) -> bool {
    one.is_pre_aggregate == question.pre_aggregate
}

/// The series of a table that pass.
pub(super) fn members(question: &Question, stored: &[Stored], table: Option<i64>) -> Vec<Member> {
    let passing: Vec<&Stored> = stored
        .iter()
        .filter(|one| is_of(question, one) && filters::passes(question, &one.tags))
        .collect();
    let member = |one: &Stored, reading: Reading| Member {
        tags: one.tags.clone(),
        points: one.points.clone(),
        reading,
    };
    let Some(hours) = table else {
        let measured = passing.iter().filter(|one| one.rollup.is_none());
        return measured.map(|one| member(one, Reading::Plain)).collect();
    };
    let function = question.downsampling.as_ref().unwrap().function.as_str();
    let of = |name: &str| -> Vec<&Stored> {
        let wanted = Some((hours, name.to_owned()));
        passing
            .iter()
            .copied()
            .filter(|one| one.rollup == wanted)
            .collect()
    };
    match function {
        "count" => of("count")
            .into_iter()
            .map(|one| member(one, Reading::Counts))
            .collect(),
        "avg" => of("sum")
            .into_iter()
            .filter_map(|sums| {
                let all = of("count");
                let counts = all.iter().find(|one| one.tags == sums.tags)?;
                let counted = counts.points.iter();
                let counts: BTreeMap<i64, f64> = counted
                    .map(|(time, value)| (*time, value.float()))
                    .collect();
                let mut member = member(sums, Reading::Plain);
                member.points.retain(|time, _| counts.contains_key(time));
                member.reading = Reading::Sums(counts);
                Some(member)
            })
            .collect(),
        other => of(needed(other)[0])
            .into_iter()
            .map(|one| member(one, Reading::Plain))
            .collect(),
    }
}
