//! A point inside a query: a time and a number that is an integer or not.
//!
//! Samples are stored as `penstock_model::Value`, exact decimals among them; arithmetic wants doubles. This is where
//! they turn into those, once.

use penstock_model::{Timestamp, Value};

/// A value that took part in arithmetic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Exact, and printed without a fraction.
    Integer(i64),
    /// Printed with a fraction or an exponent.
    Float(f64),
}

impl Number {
    /// The nearest double.
    #[inline]
    pub const fn to_f64(self) -> f64 {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "the nearest double is asked for"
            )]
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    /// Whether it is a [`Number::Float`].
    #[inline]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float(_))
    }
}

/// A number at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Milliseconds since the Unix epoch.
    pub time: i64,
    /// What was there.
    pub number: Number,
}

impl Point {
    /// A number that is no integer.
    #[inline]
    pub(crate) const fn float(time: i64, value: f64) -> Self {
        Self {
            time,
            number: Number::Float(value),
        }
    }

    /// A stored sample. Its value need not be in normal form.
    #[inline]
    pub fn new(time: Timestamp, value: Value) -> Self {
        Self {
            time: time.millis(),
            number: match value {
                Value::Integer(integer) => Number::Integer(integer),
                other @ (Value::Decimal { .. } | Value::Double(_)) => Number::Float(other.to_f64()),
            },
        }
    }
}
