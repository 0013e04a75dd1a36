//! Rows to bytes.

use super::Packing;
use super::column::{self, Effort};
use super::form::{self, Form};
use crate::codec::varint::{put_i64, put_u64};
use crate::row::Row;

/// Encodes chunk after chunk; keep it, so that its columns are allocated once.
#[derive(Debug)]
pub struct Encoder {
    packing: Packing,
    times: Vec<i64>,
    bits: Vec<i64>,
    classes: Vec<i64>,
}

impl Encoder {
    /// An encoder for chunks that live in memory or on disk.
    pub const fn new(packing: Packing) -> Self {
        Self {
            packing,
            times: Vec::new(),
            bits: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// Appends a chunk of `rows`: 1 to [`super::ROWS_MAX`] rows of one series, times strictly ascending. The
    /// rows' series is not looked at.
    pub fn encode(&mut self, rows: &[Row], out: &mut Vec<u8>) {
        debug_assert!((1..=super::ROWS_MAX).contains(&rows.len()));
        self.times.clear();
        self.times.extend(rows.iter().map(|row| row.time));
        let mut form = form::choose(rows, &mut self.bits, &mut self.classes);
        let effort = if self.packing.is_dense(rows.len()) {
            Effort::Dense
        } else {
            Effort::Fast
        };
        if form == Form::Mixed && effort == Effort::Dense && form::shorten(rows, &mut self.bits) {
            form = Form::Shortest;
            self.classes.clear();
        }
        put_u64(out, rows.len() as u64);
        put_form(form, out);
        column::encode(&self.times, effort, out);
        column::encode(&self.bits, effort, out);
        // Empty, and then nothing is written, in the forms that have no classes.
        column::encode(&self.classes, effort, out);
    }
}

fn put_form(form: Form, out: &mut Vec<u8>) {
    match form {
        Form::Integers => out.push(form::INTEGERS),
        Form::Decimals { exponent } => {
            out.push(form::DECIMALS);
            put_i64(out, i64::from(exponent));
        }
        Form::Doubles => out.push(form::DOUBLES),
        Form::Scaled { exponent } => {
            out.push(form::SCALED);
            put_i64(out, i64::from(exponent));
        }
        Form::Mixed => out.push(form::MIXED),
        Form::Shortest => out.push(form::SHORTEST),
    }
}
