//! A sample on its way from the log to a block: 24 bytes, and the small numbers that name things inside one store.

use std::fmt;

use penstock_model::{Timestamp, Value};

/// Names a series inside one store. Dense, never reused, never leaves the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u32);

/// Names a (tenant, kind, metric) inside one store, so that a metric's series lie together in blocks. Dense,
/// never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId(pub u32);

/// The place of a WAL record in the one order that log, memory and blocks share. The first record is 1;
/// [`Sequence::ZERO`] is before all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Before the first record.
    pub const ZERO: Self = Self(0);

    /// The sequence after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a value's 64 bits are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ValueKind {
    /// An `i64`; the exponent is 0.
    Integer = 0,
    /// The mantissa of a decimal.
    Decimal = 1,
    /// The bits of an `f64`; the exponent is 0.
    Double = 2,
}

impl ValueKind {
    /// The kind from its number on disk.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Integer),
            1 => Some(Self::Decimal),
            2 => Some(Self::Double),
            _ => None,
        }
    }
}

/// One sample of one series. 24 bytes, so that a million rows are 24 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Milliseconds since the Unix epoch.
    pub time: i64,
    /// The integer, the mantissa or the double's bits, as `kind` says.
    pub bits: i64,
    /// Whose sample it is.
    pub series: SeriesId,
    /// The decimal's power of ten, else 0.
    pub exponent: i16,
    /// How to read `bits`.
    pub kind: ValueKind,
}

impl Row {
    /// A row from the model's types.
    #[inline]
    pub fn new(series: SeriesId, time: Timestamp, value: Value) -> Self {
        let (kind, bits, exponent) = match value {
            Value::Integer(integer) => (ValueKind::Integer, integer, 0),
            Value::Decimal { mantissa, exponent } => (ValueKind::Decimal, mantissa, exponent),
            Value::Double(double) => (ValueKind::Double, double.to_bits().cast_signed(), 0),
        };
        Self {
            time: time.millis(),
            bits,
            series,
            exponent,
            kind,
        }
    }

    /// The value in the model's normal form.
    #[inline]
    pub fn value(&self) -> Value {
        match self.kind {
            ValueKind::Integer => Value::Integer(self.bits),
            ValueKind::Decimal => Value::from_decimal(self.bits, self.exponent),
            ValueKind::Double => Value::Double(f64::from_bits(self.bits.cast_unsigned())),
        }
    }

    /// The moment of the sample.
    pub const fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_24_bytes_and_keeps_every_kind_of_value() {
        assert_eq!(size_of::<Row>(), 24);
        for text in ["9223372036854775807", "-0.0", "12.34", "1e-300", "0"] {
            let value = Value::parse(text.as_bytes()).unwrap();
            assert_eq!(
                Row::new(SeriesId(1), Timestamp::from_millis(5), value).value(),
                value
            );
        }
    }
}
