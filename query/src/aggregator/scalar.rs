//! A function over the values of one bucket.

use super::cell::{Cell, Drive};
use super::percentile::{self, Estimate};
use super::{Aggregator, Function};
use crate::bucket::Fixed;
use crate::point::Point;

/// Collects the values of a bucket; the same one serves bucket after bucket.
#[derive(Debug)]
pub(crate) struct BucketFold {
    function: Function,
    cell: Cell,
    /// Of functions over lists; NaN is left out.
    values: Vec<f64>,
}

struct Bucket<'a> {
    cell: &'a mut Cell,
    points: &'a [Point],
}

/// Points of several buckets of one length.
struct Buckets<'a> {
    function: Function,
    cell: &'a mut Cell,
    points: &'a [Point],
    open: &'a mut Fixed,
    out: &'a mut Vec<Point>,
}

impl Drive<Cell, f64> for Buckets<'_> {
    #[inline]
    fn run(self, step: impl Fn(&mut Cell, f64)) {
        let (mut cell, mut open) = (*self.cell, *self.open);
        let mut end = open.end();
        for point in self.points {
            if point.time >= end {
                let value = cell.finish(self.function);
                self.out.push(Point::float(open.start, value));
                cell = Cell::start(self.function);
                open = open.at_or_behind(point.time);
                end = open.end();
            }
            step(&mut cell, point.number.to_f64());
        }
        (*self.cell, *self.open) = (cell, open);
    }
}

impl Drive<Cell, f64> for Bucket<'_> {
    #[inline]
    fn run(self, step: impl Fn(&mut Cell, f64)) {
        for point in self.points {
            step(self.cell, point.number.to_f64());
        }
    }
}

impl BucketFold {
    pub(crate) fn new(aggregator: Aggregator) -> Self {
        let function = aggregator.function();
        Self {
            function,
            cell: Cell::start(function),
            values: Vec::new(),
        }
    }

    /// Adds a run of points that lie in the bucket.
    #[inline]
    pub(crate) fn add(&mut self, points: &[Point]) {
        if self.function.needs_list() {
            let numbers = points.iter().map(|point| point.number.to_f64());
            self.values.extend(numbers.filter(|value| !value.is_nan()));
            return;
        }
        let cell = &mut self.cell;
        Cell::drive(self.function, Bucket { cell, points });
    }

    /// Whether it wants all values of a bucket at once.
    pub(crate) const fn needs_list(&self) -> bool {
        self.function.needs_list()
    }

    /// Adds points of several buckets, the first of which is open, and lets out those that they complete; the answer is the
    /// one that is open then. What is to be done with a value is decided once for all of them. Not for lists.
    pub(crate) fn add_buckets(
        &mut self,
        points: &[Point],
        mut open: Fixed,
        out: &mut Vec<Point>,
    ) -> Fixed {
        let buckets = Buckets {
            function: self.function,
            cell: &mut self.cell,
            points,
            open: &mut open,
            out,
        };
        Cell::drive(self.function, buckets);
        open
    }

    /// The bucket's value; the next bucket begins.
    #[inline]
    pub(crate) fn take(&mut self) -> f64 {
        if self.function.needs_list() {
            let value = of_list(self.function.for_floats(), &mut self.values);
            self.values.clear();
            return value;
        }
        let cell = std::mem::replace(&mut self.cell, Cell::start(self.function));
        cell.finish(self.function)
    }
}

/// A function over a list without NaN. NaN of nothing.
pub(super) fn of_list(function: Function, values: &mut [f64]) -> f64 {
    let value = if let Function::Percentile(percent, estimate) = function {
        percentile::of(values, percent, estimate)
    } else {
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    value.unwrap_or(f64::NAN)
}

impl Function {
    /// Whether it wants all values at once.
    pub(super) const fn needs_list(self) -> bool {
        matches!(self, Self::Median | Self::Percentile(..))
    }

    /// Doubles know one estimate alone.
    pub(super) const fn for_floats(self) -> Self {
        match self {
            Self::Percentile(percent, _) => Self::Percentile(percent, Estimate::Legacy),
            other => other,
        }
    }
}
