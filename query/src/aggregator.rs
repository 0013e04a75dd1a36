//! The 35 functions of `/api/aggregators`: their names, what they compute, and how a series that has no
//! point at some time takes part.
//!
//! A function is a value here; the arithmetic is in [`scalar`] (one bucket of one series) and [`columns`]
//! (many times of many series at once).

mod cell;
pub(crate) mod columns;
pub(crate) mod percentile;
pub(crate) mod scalar;

use std::fmt;

use self::percentile::Estimate;

/// What a function computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Function {
    Sum,
    Min,
    Max,
    Avg,
    Count,
    Dev,
    Median,
    Mult,
    SquareSum,
    Diff,
    First,
    Last,
    /// No aggregation: every series is its own result.
    None,
    /// In percent, with the estimate for integers. Floats always take [`Estimate::Legacy`], as `OpenTSDB` does.
    Percentile(f64, Estimate),
}

/// What a series contributes between two of its points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interpolation {
    /// The straight line between them.
    Linear,
    /// 0.
    Zero,
    /// The largest value of the type, so that a minimum does not see it.
    Largest,
    /// The smallest value of the type, so that a maximum does not see it.
    Smallest,
    /// The value of the point before.
    Previous,
}

struct Definition {
    name: &'static str,
    function: Function,
    interpolation: Interpolation,
}

const fn define(
    name: &'static str,
    function: Function,
    interpolation: Interpolation,
) -> Definition {
    Definition {
        name,
        function,
        interpolation,
    }
}

const fn percentile(name: &'static str, percent: f64, estimate: Estimate) -> Definition {
    define(
        name,
        Function::Percentile(percent, estimate),
        Interpolation::Linear,
    )
}

static DEFINITIONS: [Definition; 35] = [
    define("sum", Function::Sum, Interpolation::Linear),
    define("zimsum", Function::Sum, Interpolation::Zero),
    define("pfsum", Function::Sum, Interpolation::Previous),
    define("min", Function::Min, Interpolation::Linear),
    define("mimmin", Function::Min, Interpolation::Largest),
    define("max", Function::Max, Interpolation::Linear),
    define("mimmax", Function::Max, Interpolation::Smallest),
    define("avg", Function::Avg, Interpolation::Linear),
    define("count", Function::Count, Interpolation::Zero),
    define("dev", Function::Dev, Interpolation::Linear),
    define("median", Function::Median, Interpolation::Linear),
    define("mult", Function::Mult, Interpolation::Linear),
    define("squareSum", Function::SquareSum, Interpolation::Zero),
    define("diff", Function::Diff, Interpolation::Linear),
    define("first", Function::First, Interpolation::Zero),
    define("last", Function::Last, Interpolation::Zero),
    define("none", Function::None, Interpolation::Zero),
    percentile("p50", 50.0, Estimate::Legacy),
    percentile("p75", 75.0, Estimate::Legacy),
    percentile("p90", 90.0, Estimate::Legacy),
    percentile("p95", 95.0, Estimate::Legacy),
    percentile("p99", 99.0, Estimate::Legacy),
    percentile("p999", 99.9, Estimate::Legacy),
    percentile("ep50r3", 50.0, Estimate::R3),
    percentile("ep75r3", 75.0, Estimate::R3),
    percentile("ep90r3", 90.0, Estimate::R3),
    percentile("ep95r3", 95.0, Estimate::R3),
    percentile("ep99r3", 99.0, Estimate::R3),
    percentile("ep999r3", 99.9, Estimate::R3),
    percentile("ep50r7", 50.0, Estimate::R7),
    percentile("ep75r7", 75.0, Estimate::R7),
    percentile("ep90r7", 90.0, Estimate::R7),
    percentile("ep95r7", 95.0, Estimate::R7),
    percentile("ep99r7", 99.0, Estimate::R7),
    percentile("ep999r7", 99.9, Estimate::R7),
];

/// One of the functions of `/api/aggregators`.
#[derive(Clone, Copy)]
pub struct Aggregator(&'static Definition);

impl Aggregator {
    /// The function of this name, in exactly this letter case.
    pub fn named(name: &str) -> Option<Self> {
        DEFINITIONS
            .iter()
            .find(|definition| definition.name == name)
            .map(Self)
    }

    /// All of them, for `/api/aggregators`.
    pub fn all() -> impl Iterator<Item = Self> {
        DEFINITIONS.iter().map(Self)
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether it is `none`: every series its own result.
    pub fn is_none(self) -> bool {
        self.0.function == Function::None
    }

    /// The answer of one integer alone.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "percentiles of integers are computed in doubles and cut off"
    )]
    pub(crate) const fn of_one_integer(self, integer: i64) -> i64 {
        match self.0.function {
            Function::Count => 1,
            Function::Dev | Function::Diff => 0,
            Function::SquareSum => integer.wrapping_mul(integer),
            Function::Percentile(..) => integer as f64 as i64,
            _ => integer,
        }
    }

    /// The answer of one double alone: what folding it would give, without the fold.
    pub(crate) fn of_one_float(self, float: f64) -> f64 {
        let unless_nan = |value: f64| if float.is_nan() { f64::NAN } else { value };
        match self.0.function {
            Function::Count => f64::from(u8::from(!float.is_nan())),
            Function::Dev | Function::Diff => unless_nan(0.0),
            // A sum begins with 0.0, and -0.0 vanishes in that.
            Function::Sum | Function::Avg => 0.0 + float,
            Function::SquareSum => float * float,
            Function::Min if float == f64::INFINITY => f64::NAN,
            Function::Max if float == f64::NEG_INFINITY => f64::NAN,
            _ => float,
        }
    }

    pub(crate) const fn function(self) -> Function {
        self.0.function
    }

    pub(crate) const fn interpolation(self) -> Interpolation {
        self.0.interpolation
    }
}

impl PartialEq for Aggregator {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Aggregator {}

impl fmt::Debug for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aggregator({})", self.name())
    }
}

impl fmt::Display for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        assert_eq!(Aggregator::all().count(), 35);
        for aggregator in Aggregator::all() {
            assert_eq!(Aggregator::named(aggregator.name()), Some(aggregator));
        }
        for unknown in ["", "SUM", "Sum", "p98", "squaresum", "sum "] {
            assert_eq!(Aggregator::named(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn one_value_alone_is_folded_like_any_other() {
        use super::columns::{FloatColumns, IntegerColumns};
        for aggregator in Aggregator::all() {
            for float in [
                0.0,
                -0.0,
                1.5,
                -7.0,
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
            ] {
                let mut columns = FloatColumns::new(aggregator);
                columns.grow(1);
                columns.add(0, &[float]);
                let (folded, alone) = (columns.finish(0), aggregator.of_one_float(float));
                let is_same =
                    folded.to_bits() == alone.to_bits() || (folded.is_nan() && alone.is_nan());
                assert!(is_same, "{aggregator} of {float}: {folded} {alone}");
            }
            for integer in [0, -7, i64::MAX, i64::MIN, (1 << 53) + 1] {
                let mut columns = IntegerColumns::new(aggregator);
                columns.grow(1);
                columns.add(0, &[integer]);
                assert_eq!(
                    columns.finish(0),
                    aggregator.of_one_integer(integer),
                    "{aggregator}"
                );
            }
        }
    }

    #[test]
    fn whatever_can_be_rolled_up_is_an_aggregator() {
        let stored = Aggregator::all().filter(|aggregator| {
            aggregator
                .name()
                .parse::<penstock_model::Aggregator>()
                .is_ok()
        });
        // All but none, avg and dev.
        assert_eq!(stored.count(), 32);
    }
}
