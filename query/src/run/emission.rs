//! One result on its way to the sink.

use std::error::Error;

use super::group::Labels;
use super::{Cost, ResultSink, RunError};
use crate::point::{Number, Point};
use crate::request::SubQuery;

/// A result that begins with its first point; without one there is none.
pub(super) struct Emission<'a, 'q, K> {
    sink: &'a mut K,
    sub_query: &'q SubQuery,
    points: u64,
}

impl<'a, 'q, K: ResultSink> Emission<'a, 'q, K> {
    pub(super) const fn new(sink: &'a mut K, sub_query: &'q SubQuery) -> Self {
        Self {
            sink,
            sub_query,
            points: 0,
        }
    }

    /// Hands points on; `labels` are asked for with the first.
    pub(super) fn points<'l, E: Error>(
        &mut self,
        points: &[Point],
        labels: impl FnOnce() -> Labels<'l>,
    ) -> Result<(), RunError<E, K::Error>> {
        if points.is_empty() {
            return Ok(());
        }
        check_finite(points)?;
        if self.points == 0 {
            let head = labels().into_head(self.sub_query);
            self.sink.begin(&head).map_err(RunError::Sink)?;
        }
        self.points += points.len() as u64;
        self.sink.points(points).map_err(RunError::Sink)
    }

    /// Ends the result, and says what it has cost.
    pub(super) fn end<E: Error>(
        self,
        series: usize,
        samples: u64,
    ) -> Result<Cost, RunError<E, K::Error>> {
        if self.points == 0 {
            return Ok(Cost::default());
        }
        let cost = Cost {
            series: series as u64,
            samples,
            points: self.points,
            results: 1,
        };
        self.sink.end(&cost).map_err(RunError::Sink)?;
        Ok(cost)
    }
}

fn check_finite<S: Error, K: Error>(points: &[Point]) -> Result<(), RunError<S, K>> {
    let infinite = points.iter().find_map(|point| match point.number {
        Number::Float(value) if value.is_infinite() => Some((value, point.time)),
        _ => None,
    });
    match infinite {
        Some((value, time)) => Err(RunError::Infinite { value, time }),
        None => Ok(()),
    }
}
