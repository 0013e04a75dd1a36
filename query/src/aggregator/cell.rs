//! The running state of a function that needs no list of its values, and its steps.
//!
//! One step is used twice: over the points of a bucket (many values, one cell) and over the times of a group
//! (one value for each of many cells). Which step it is is decided once for a whole run of values.

use super::Function;

/// The state of a function over doubles. What the fields hold is the step's business.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    a: f64,
    b: f64,
    n: u32,
}

/// Something that has cells and values, and wants them brought together by one step.
pub(super) trait Drive<C, V> {
    fn run(self, step: impl Fn(&mut C, V));
}

impl Cell {
    pub(super) const fn start(function: Function) -> Self {
        let a = match function {
            Function::Min => f64::INFINITY,
            Function::Max => f64::NEG_INFINITY,
            Function::Mult => 1.0,
            _ => 0.0,
        };
        Self { a, b: 0.0, n: 0 }
    }

    /// Runs the step of `function`. Functions over lists are not for cells: nothing happens.
    pub(super) fn drive(function: Function, drive: impl Drive<Self, f64>) {
        match function {
            Function::Sum | Function::Avg | Function::Count => drive.run(Self::add),
            Function::SquareSum => drive.run(|cell, value| cell.add(value * value)),
            Function::Min => drive.run(|cell, value| {
                if value < cell.a {
                    cell.a = value;
                }
            }),
            Function::Max => drive.run(|cell, value| {
                if value > cell.a {
                    cell.a = value;
                }
            }),
            Function::Mult => drive.run(|cell, value| cell.a *= value),
            Function::Dev => drive.run(Self::deviate),
            Function::Diff => drive.run(Self::first_and_last),
            Function::First => drive.run(|cell, value| {
                if cell.n == 0 {
                    cell.a = value;
                    cell.n = 1;
                }
            }),
            Function::Last | Function::None => drive.run(|cell, value| cell.a = value),
            Function::Median | Function::Percentile(..) => {}
        }
    }

    #[inline]
    fn add(&mut self, value: f64) {
        if !value.is_nan() {
            self.a += value;
            self.n += 1;
        }
    }

    /// Welford's running mean and sum of squares.
    #[inline]
    fn deviate(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.n += 1;
        if self.n == 1 {
            self.a = value;
            return;
        }
        let mean = self.a + (value - self.a) / f64::from(self.n);
        self.b += (value - self.a) * (value - mean);
        self.a = mean;
    }

    /// The first that is no NaN, and the last of those behind it, NaN or not.
    #[inline]
    fn first_and_last(&mut self, value: f64) {
        if self.n > 0 {
            self.b = value;
            self.n = 2;
        } else if !value.is_nan() {
            self.a = value;
            self.n = 1;
        }
    }

    pub(super) fn finish(self, function: Function) -> f64 {
        match function {
            Function::Count => f64::from(self.n),
            Function::Sum | Function::SquareSum if self.n > 0 => self.a,
            Function::Avg if self.n > 0 => self.a / f64::from(self.n),
            Function::Dev | Function::Diff if self.n == 1 => 0.0,
            Function::Dev if self.n > 1 => (self.b / f64::from(self.n)).sqrt(),
            Function::Diff if self.n > 1 => self.b - self.a,
            Function::Min if self.a < f64::INFINITY => self.a,
            Function::Max if self.a > f64::NEG_INFINITY => self.a,
            Function::Mult | Function::First | Function::Last | Function::None => self.a,
            // Nothing but NaN came.
            _ => f64::NAN,
        }
    }
}

/// The state of a function over integers, in wrapping arithmetic. Deviations and percentiles of integers are
/// those of doubles, cut off: they have no cell here.
#[derive(Clone, Copy, Debug)]
pub(super) struct IntegerCell {
    a: i64,
    b: i64,
    n: u32,
}

impl IntegerCell {
    pub(super) const fn start(function: Function) -> Self {
        let a = match function {
            Function::Min => i64::MAX,
            Function::Max => i64::MIN,
            Function::Mult => 1,
            _ => 0,
        };
        Self { a, b: 0, n: 0 }
    }

    pub(super) fn drive(function: Function, drive: impl Drive<Self, i64>) {
        match function {
            Function::Sum | Function::Avg | Function::Count => drive.run(Self::add),
            Function::SquareSum => drive.run(|cell, value| cell.add(value.wrapping_mul(value))),
            Function::Min => drive.run(|cell, value| cell.a = cell.a.min(value)),
            Function::Max => drive.run(|cell, value| cell.a = cell.a.max(value)),
            Function::Mult => drive.run(|cell, value| cell.a = cell.a.wrapping_mul(value)),
            Function::Diff => drive.run(|cell, value| {
                if cell.n == 0 {
                    cell.a = value;
                }
                cell.b = value;
                cell.n = 1;
            }),
            Function::First => drive.run(|cell, value| {
                if cell.n == 0 {
                    cell.a = value;
                    cell.n = 1;
                }
            }),
            Function::Last | Function::None => drive.run(|cell, value| cell.a = value),
            Function::Dev | Function::Median | Function::Percentile(..) => {}
        }
    }

    #[inline]
    fn add(&mut self, value: i64) {
        self.a = self.a.wrapping_add(value);
        self.n += 1;
    }

    pub(super) fn finish(self, function: Function) -> i64 {
        match function {
            Function::Count => i64::from(self.n),
            Function::Avg => self.a / i64::from(self.n.max(1)),
            Function::Diff => self.b.wrapping_sub(self.a),
            _ => self.a,
        }
    }
}
