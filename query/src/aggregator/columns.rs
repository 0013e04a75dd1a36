//! A function at many times at once: one column for each time, one value after another from each series.
//!
//! ```text
//!   time      t0    t1    t2    t3
//!   series A   1     2     3          add(0, [1, 2, 3])
//!   series B         5     6     7    add(1, [5, 6, 7])
//!   sum        1     7     9     7    finish(0) .. finish(3)
//! ```
//!
//! Functions without a list keep one cell a time, however many series there are. Median and percentiles keep
//! the rows.

use super::cell::{Cell, Drive, IntegerCell};
use super::scalar::of_list;
use super::{Aggregator, Function};

/// Values that wait for a function that wants all of one time.
#[derive(Debug)]
struct Rows<T> {
    /// Where a part of a row starts, and its values.
    parts: Vec<(usize, Vec<T>)>,
    /// How many values the rows hold.
    stored: usize,
    gathered: Vec<T>,
}

impl<T: Copy> Rows<T> {
    const fn new() -> Self {
        Self {
            parts: Vec::new(),
            stored: 0,
            gathered: Vec::new(),
        }
    }

    fn add(&mut self, start: usize, values: &[T]) {
        self.stored += values.len();
        match self.parts.last_mut() {
            Some((last, row)) if *last + row.len() == start => row.extend_from_slice(values),
            _ => self.parts.push((start, values.to_vec())),
        }
    }

    fn gather(&mut self, slot: usize) -> &mut Vec<T> {
        self.gathered.clear();
        self.gathered.extend(
            self.parts
                .iter()
                .filter_map(|(start, row)| row.get(slot.checked_sub(*start)?)),
        );
        &mut self.gathered
    }

    /// About: a vector may have room for twice as much.
    const fn bytes(&self) -> usize {
        self.stored * size_of::<T>() + self.parts.len() * size_of::<(usize, Vec<T>)>()
    }
}

/// Cells beside the values for them.
struct Columns<'a, C, V> {
    cells: &'a mut [C],
    values: &'a [V],
}

impl<C, V: Copy> Drive<C, V> for Columns<'_, C, V> {
    #[inline]
    fn run(self, step: impl Fn(&mut C, V)) {
        for (cell, value) in self.cells.iter_mut().zip(self.values) {
            step(cell, *value);
        }
    }
}

fn cells_from<C>(cells: &mut [C], start: usize) -> &mut [C] {
    cells.get_mut(start..).unwrap_or_default()
}

/// A function over doubles at many times.
#[derive(Debug)]
pub(crate) struct FloatColumns {
    function: Function,
    cells: Vec<Cell>,
    rows: Rows<f64>,
}

impl FloatColumns {
    pub(crate) fn new(aggregator: Aggregator) -> Self {
        Self::of(aggregator.function().for_floats())
    }

    const fn of(function: Function) -> Self {
        Self {
            function,
            cells: Vec::new(),
            rows: Rows::new(),
        }
    }

    /// Makes room for `length` times.
    pub(crate) fn grow(&mut self, length: usize) {
        if !self.function.needs_list() {
            self.cells.resize(length, Cell::start(self.function));
        }
    }

    /// Adds one series' values at the times from `start` on. There must be room.
    pub(crate) fn add(&mut self, start: usize, values: &[f64]) {
        if self.function.needs_list() {
            self.rows.add(start, values);
            return;
        }
        let cells = cells_from(&mut self.cells, start);
        Cell::drive(self.function, Columns { cells, values });
    }

    /// The value at one time.
    pub(crate) fn finish(&mut self, slot: usize) -> f64 {
        if self.function.needs_list() {
            let values = self.rows.gather(slot);
            values.retain(|value| !value.is_nan());
            return of_list(self.function, values);
        }
        self.cells
            .get(slot)
            .map_or(f64::NAN, |cell| cell.finish(self.function))
    }

    /// The memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>() + self.rows.bytes()
    }
}

/// A function over integers at many times, in wrapping arithmetic.
#[derive(Debug)]
pub(crate) struct IntegerColumns {
    function: Function,
    cells: Vec<IntegerCell>,
    rows: Rows<i64>,
    /// Deviations and percentiles are computed in doubles and cut off.
    floats: FloatColumns,
    converted: Vec<f64>,
}

impl IntegerColumns {
    pub(crate) const fn new(aggregator: Aggregator) -> Self {
        Self {
            function: aggregator.function(),
            cells: Vec::new(),
            rows: Rows::new(),
            floats: FloatColumns::of(aggregator.function()),
            converted: Vec::new(),
        }
    }

    const fn is_in_floats(&self) -> bool {
        matches!(self.function, Function::Dev | Function::Percentile(..))
    }

    /// Makes room for `length` times.
    pub(crate) fn grow(&mut self, length: usize) {
        if self.is_in_floats() {
            self.floats.grow(length);
        } else if !self.function.needs_list() {
            self.cells.resize(length, IntegerCell::start(self.function));
        }
    }

    /// Adds one series' values at the times from `start` on. There must be room.
    pub(crate) fn add(&mut self, start: usize, values: &[i64]) {
        if self.is_in_floats() {
            self.converted.clear();
            #[expect(clippy::cast_precision_loss, reason = "OpenTSDB converts here too")]
            self.converted
                .extend(values.iter().map(|value| *value as f64));
            self.floats.add(start, &self.converted);
        } else if self.function.needs_list() {
            self.rows.add(start, values);
        } else {
            let cells = cells_from(&mut self.cells, start);
            IntegerCell::drive(self.function, Columns { cells, values });
        }
    }

    /// The value at one time.
    pub(crate) fn finish(&mut self, slot: usize) -> i64 {
        if self.is_in_floats() {
            #[expect(clippy::cast_possible_truncation, reason = "cut off, as OpenTSDB does")]
            return self.floats.finish(slot) as i64;
        }
        if self.function.needs_list() {
            let values = self.rows.gather(slot);
            values.sort_unstable();
            return values.get(values.len() / 2).copied().unwrap_or_default();
        }
        self.cells
            .get(slot)
            .map_or(0, |cell| cell.finish(self.function))
    }

    /// The memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<IntegerCell>() + self.rows.bytes() + self.floats.bytes()
    }
}
