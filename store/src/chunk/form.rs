//! What kinds of values a chunk has, and how they became the numbers of its `bits` column.
//!
//! ```text
//!   form u8     │ exponent │ bits                            │ classes
//!   ────────────┼──────────┼─────────────────────────────────┼─────────────────────────────
//!   0 integers  │ -        │ the integers                    │ -
//!   1 decimals  │ yes      │ mantissas of that one exponent  │ -
//!   2 doubles   │ -        │ bits of the f64                 │ -
//!   3 scaled    │ -18..=0  │ mantissas of that one exponent  │ 0 was an integer, 1 a decimal
//!   4 mixed     │ -        │ bits of each row as they are    │ kind + 4 * exponent
//!   5 shortest  │ -        │ bits of the f64                 │ -
//! ```
//!
//! `scaled` is what a device makes that sends `12` for 12.0: one smooth column, and still every value comes
//! back as the kind that it was. `shortest` is what a device makes that prints doubles in full: 16 or 17 digits
//! of noise under many exponents. Each is the shortest text of one double, and the double's bits are shorter than
//! the digits. Finding that out takes longer than packing, so only dense chunks try.

use penstock_model::Value;

use super::ChunkError;
use crate::row::{Row, ValueKind};

pub(super) const INTEGERS: u8 = 0;
pub(super) const DECIMALS: u8 = 1;
pub(super) const DOUBLES: u8 = 2;
pub(super) const SCALED: u8 = 3;
pub(super) const MIXED: u8 = 4;
pub(super) const SHORTEST: u8 = 5;

/// Every power of ten that an `i64` holds.
const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < powers.len() {
        #[expect(clippy::indexing_slicing, reason = "checked by the compiler")]
        {
            powers[at] = powers[at - 1] * 10;
        }
        at += 1;
    }
    powers
};

/// How far a mantissa may grow on the way to the common exponent. Beyond, the digits are noise (a double's 17), and
/// more zeros behind them cost more than a class for each row.
const SCALED_MAX: u64 = 10_000_000_000_000_000;

/// How the values of a chunk are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Integers,
    Decimals { exponent: i16 },
    Doubles,
    Scaled { exponent: i16 },
    Mixed,
    Shortest,
}

/// Finds the form of `rows` and fills `bits`, and where the form has them `classes`.
pub(super) fn choose(rows: &[Row], bits: &mut Vec<i64>, classes: &mut Vec<i64>) -> Form {
    bits.clear();
    classes.clear();
    let Some(first) = rows.first() else {
        return Form::Integers;
    };
    let uniform = rows
        .iter()
        .all(|row| row.kind == first.kind && row.exponent == first.exponent);
    if uniform {
        bits.extend(rows.iter().map(|row| row.bits));
        return match first.kind {
            ValueKind::Integer => Form::Integers,
            ValueKind::Decimal => Form::Decimals {
                exponent: first.exponent,
            },
            ValueKind::Double => Form::Doubles,
        };
    }
    if let Some(form) = scale(rows, bits, classes) {
        return form;
    }
    bits.clear();
    bits.extend(rows.iter().map(|row| row.bits));
    classes.clear();
    classes.extend(rows.iter().map(class));
    Form::Mixed
}

/// Brings all values to the smallest exponent among them, if there is no double and all then fit.
fn scale(rows: &[Row], bits: &mut Vec<i64>, classes: &mut Vec<i64>) -> Option<Form> {
    let mut smallest = None::<i16>;
    let (mut integers, mut doubles) = (false, false);
    for row in rows {
        integers |= row.kind == ValueKind::Integer;
        doubles |= row.kind == ValueKind::Double;
        // A decimal zero is a zero under any exponent.
        if row.bits != 0 || row.kind == ValueKind::Integer {
            smallest = Some(smallest.map_or(row.exponent, |least| least.min(row.exponent)));
        }
    }
    if doubles {
        return None;
    }
    let exponent = smallest.unwrap_or(0);
    for row in rows {
        let mantissa = if row.bits == 0 {
            0
        } else {
            let digits = usize::try_from(i32::from(row.exponent) - i32::from(exponent)).ok()?;
            let mantissa = row.bits.checked_mul(*POWERS.get(digits)?)?;
            if digits > 0 && mantissa.unsigned_abs() > SCALED_MAX {
                return None;
            }
            mantissa
        };
        bits.push(mantissa);
    }
    if !integers {
        return Some(Form::Decimals { exponent });
    }
    integer_divisor(exponent)?;
    classes.extend(
        rows.iter()
            .map(|row| i64::from(row.kind != ValueKind::Integer)),
    );
    Some(Form::Scaled { exponent })
}

/// Turns `bits` into those of doubles, if all rows of a [`Form::Mixed`] chunk can be restored from them.
pub(super) fn shorten(rows: &[Row], bits: &mut Vec<i64>) -> bool {
    let restorable = |row: &Row| {
        let double = row.value().to_f64();
        (Value::from_f64(double) == row.value()).then_some(double.to_bits().cast_signed())
    };
    let before = bits.len();
    bits.extend(rows.iter().map_while(restorable));
    if bits.len() - before == rows.len() {
        bits.drain(..before);
        true
    } else {
        bits.truncate(before);
        false
    }
}

/// What the mantissa of an integer has been multiplied with in [`Form::Scaled`].
pub(super) fn integer_divisor(exponent: i16) -> Option<i64> {
    let digits = usize::try_from(-i32::from(exponent)).ok()?;
    POWERS.get(digits).copied()
}

fn class(row: &Row) -> i64 {
    let kind = match row.kind {
        ValueKind::Integer => 0,
        ValueKind::Decimal => 1,
        ValueKind::Double => 2,
    };
    kind + 4 * i64::from(row.exponent)
}

/// Undoes [`class`].
pub(super) fn kind_and_exponent(class: i64) -> Result<(ValueKind, i16), ChunkError> {
    let unknown = || ChunkError::Class(class);
    let kind = u8::try_from(class.rem_euclid(4))
        .ok()
        .and_then(ValueKind::from_number)
        .ok_or_else(unknown)?;
    let exponent = i16::try_from(class.div_euclid(4)).map_err(|_| unknown())?;
    Ok((kind, exponent))
}
