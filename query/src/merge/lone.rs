//! A group of one series: its own points, each aggregated by itself, without an axis.
//!
//! Only the rule for integers looks further than the point: the next one must be an integer too.

use super::Manner;
use crate::point::{Number, Point};

/// Turns a series into its answer, a batch at a time.
#[derive(Debug)]
pub(crate) struct Lone {
    manner: Manner,
    /// Waits for the next to be known.
    waiting: Option<Point>,
}

impl Lone {
    pub(crate) const fn new(manner: Manner) -> Self {
        Self {
            manner,
            waiting: None,
        }
    }

    /// Takes the next points and appends what they answer.
    pub(crate) fn push(&mut self, points: &[Point], out: &mut Vec<Point>) {
        for point in points {
            if let Some(waiting) = self.waiting.replace(*point) {
                self.answer(waiting, point.number.is_float(), out);
            }
        }
    }

    /// Ends the series.
    pub(crate) fn finish(&mut self, out: &mut Vec<Point>) {
        if let Some(waiting) = self.waiting.take() {
            self.answer(waiting, false, out);
        }
    }

    fn answer(&self, point: Point, next_is_float: bool, out: &mut Vec<Point>) {
        let (start, end) = self.manner.range;
        if point.time < start || end < point.time {
            return;
        }
        let number = match point.number {
            Number::Integer(integer) if !next_is_float && !self.manner.is_float => {
                Number::Integer(self.manner.aggregator.of_one_integer(integer))
            }
            number => Number::Float(self.manner.aggregator.of_one_float(number.to_f64())),
        };
        let time = point.time;
        out.push(Point { time, number });
    }
}
