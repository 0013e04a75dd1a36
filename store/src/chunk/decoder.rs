//! Bytes to rows.

use penstock_model::{Timestamp, Value};

use super::form::{self, Form};
use super::{ChunkError, ROWS_MAX, column};
use crate::codec::input::{Input, InputError};
use crate::row::{Row, SeriesId, ValueKind};

/// Decodes chunk after chunk; keep it, so that its columns are allocated once.
#[derive(Debug, Default)]
pub struct Decoder {
    times: Vec<i64>,
    bits: Vec<i64>,
    classes: Vec<i64>,
}

impl Decoder {
    /// A decoder with nothing allocated yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the rows of a chunk, which is all of `bytes`, to `out` as rows of `series`.
    ///
    /// A decimal may come back with zeros at the end of its mantissa: [`Row::value`] restores the normal form.
    ///
    /// # Errors
    /// The bytes are no chunk. `out` is then as it was.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        series: SeriesId,
        out: &mut Vec<Row>,
    ) -> Result<(), ChunkError> {
        self.decode_between(bytes, series, (i64::MIN, i64::MAX), out)
            .map(drop)
    }

    /// Appends those rows alone that lie between two moments, both included, in milliseconds. Answers the times of the
    /// first and the last row of the whole chunk.
    ///
    /// # Errors
    /// As [`Decoder::decode`], but a value that is none outside the moments is not looked at.
    pub fn decode_between(
        &mut self,
        bytes: &[u8],
        series: SeriesId,
        between: (i64, i64),
        out: &mut Vec<Row>,
    ) -> Result<(i64, i64), ChunkError> {
        let mut input = Input::new(bytes);
        let rows = input.varint_usize()?;
        if !(1..=ROWS_MAX).contains(&rows) {
            return Err(ChunkError::RowCount(rows));
        }
        let form = take_form(&mut input)?;
        column::decode(&mut input, rows, &mut self.times)?;
        column::decode(&mut input, rows, &mut self.bits)?;
        if matches!(form, Form::Scaled { .. } | Form::Mixed) {
            column::decode(&mut input, rows, &mut self.classes)?;
        }
        if !input.is_empty() {
            return Err(ChunkError::Trailing(input.len()));
        }
        if !self.times.is_sorted_by(|a, b| a < b) {
            return Err(ChunkError::Order);
        }
        let first = self.times.first().copied().unwrap_or(i64::MAX);
        let last = self.times.last().copied().unwrap_or(i64::MIN);
        self.leave_between(between);
        let before = out.len();
        match self.restore(form, series, out) {
            Ok(()) => Ok((first, last)),
            Err(error) => {
                out.truncate(before);
                Err(error)
            }
        }
    }

    /// Drops what lies outside two moments from the columns.
    fn leave_between(&mut self, (from, to): (i64, i64)) {
        let end = self.times.partition_point(|time| *time <= to);
        let start = self.times.partition_point(|time| *time < from).min(end);
        for column in [&mut self.times, &mut self.bits, &mut self.classes] {
            column.truncate(end);
            column.drain(..start.min(column.len()));
        }
    }

    fn restore(&self, form: Form, series: SeriesId, out: &mut Vec<Row>) -> Result<(), ChunkError> {
        match form {
            Form::Integers => self.uniform(series, ValueKind::Integer, 0, out),
            Form::Decimals { exponent } => {
                self.uniform(series, ValueKind::Decimal, exponent, out);
            }
            Form::Doubles => self.uniform(series, ValueKind::Double, 0, out),
            Form::Scaled { exponent } => return self.scaled(series, exponent, out),
            Form::Mixed => return self.mixed(series, out),
            Form::Shortest => self.shortest(series, out),
        }
        Ok(())
    }

    fn uniform(&self, series: SeriesId, kind: ValueKind, exponent: i16, out: &mut Vec<Row>) {
        out.extend(self.times.iter().zip(&self.bits).map(|(time, bits)| Row {
            time: *time,
            bits: *bits,
            series,
            exponent,
            kind,
        }));
    }

    fn scaled(
        &self,
        series: SeriesId,
        exponent: i16,
        out: &mut Vec<Row>,
    ) -> Result<(), ChunkError> {
        let divisor = form::integer_divisor(exponent).ok_or(InputError::Overlong)?;
        for ((time, bits), class) in self.times.iter().zip(&self.bits).zip(&self.classes) {
            let (bits, exponent, kind) = match class {
                0 if bits % divisor == 0 => (bits / divisor, 0, ValueKind::Integer),
                1 => (*bits, exponent, ValueKind::Decimal),
                unknown => return Err(ChunkError::Class(*unknown)),
            };
            out.push(Row {
                time: *time,
                bits,
                series,
                exponent,
                kind,
            });
        }
        Ok(())
    }

    fn shortest(&self, series: SeriesId, out: &mut Vec<Row>) {
        out.extend(self.times.iter().zip(&self.bits).map(|(time, bits)| {
            let value = Value::from_f64(f64::from_bits(bits.cast_unsigned()));
            Row::new(series, Timestamp::from_millis(*time), value)
        }));
    }

    fn mixed(&self, series: SeriesId, out: &mut Vec<Row>) -> Result<(), ChunkError> {
        for ((time, bits), class) in self.times.iter().zip(&self.bits).zip(&self.classes) {
            let (kind, exponent) = form::kind_and_exponent(*class)?;
            out.push(Row {
                time: *time,
                bits: *bits,
                series,
                exponent,
                kind,
            });
        }
        Ok(())
    }
}

fn take_form(input: &mut Input<'_>) -> Result<Form, ChunkError> {
    Ok(match input.u8()? {
        form::INTEGERS => Form::Integers,
        form::DECIMALS => Form::Decimals {
            exponent: take_exponent(input)?,
        },
        form::DOUBLES => Form::Doubles,
        form::SCALED => Form::Scaled {
            exponent: take_exponent(input)?,
        },
        form::MIXED => Form::Mixed,
        form::SHORTEST => Form::Shortest,
        unknown => return Err(ChunkError::UnknownForm(unknown)),
    })
}

fn take_exponent(input: &mut Input<'_>) -> Result<i16, ChunkError> {
    Ok(i16::try_from(input.signed_varint()?).map_err(|_| InputError::Overlong)?)
}
