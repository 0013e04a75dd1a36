//! The series of a group become one, a series at a time.
//!
//! ```text
//!   axis    t0   t1   t2   t3   t4        all times at which any series has a point
//!   A       10        30        50        its own points
//!                20        40             what it contributes between them: interpolated
//!   B                  5         9
//!                           7
//!   sum     10   20   35   47   59        a cell for each time
//! ```
//!
//! Reading one series to its end before the next keeps one batch of samples in memory, not a batch of each.
//! The price: what a series contributes at times that only a later one has is not known yet. So
//!
//! - a downsampled group begins with the whole grid of its buckets ([`Merge::with_grid`]);
//! - else the axis grows with the series, as long as each only appends times or repeats what is there;
//! - else the rest of the first reading only collects the times, and the series are read once more
//!   ([`Merge::wants_second_reading`]).
//!
//! An answer is an integer where every series that has not ended is one before and after that time; so both
//! arithmetics run side by side until that is known.

mod axis;
pub(crate) mod lone;

use self::axis::{Axis, FLOAT, PRESENT};
use crate::aggregator::columns::{FloatColumns, IntegerColumns};
use crate::aggregator::{Aggregator, Interpolation};
use crate::point::{Number, Point};

/// How the points of a group are to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) aggregator: Aggregator,
    /// The first and last moment that is answered.
    pub(crate) range: (i64, i64),
    /// Downsampled or rates: no integers.
    pub(crate) is_float: bool,
    /// Rates: held between points, whatever the aggregator.
    pub(crate) is_held: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The axis grows with the series.
    Growing,
    /// The axis cannot grow in place: only times are taken.
    Collecting,
    /// All times are there.
    Complete,
}

/// A group on its way to one series.
#[derive(Debug)]
pub(crate) struct Merge {
    manner: Manner,
    interpolation: Interpolation,
    stage: Stage,
    axis: Axis,
    floats: FloatColumns,
    /// Where integers are possible.
    integers: Option<IntegerColumns>,
    /// The latest first point of a series that begins with a float: before it nothing is an integer.
    float_until: i64,
    /// The last point of the series before, the latest of them, inside the range or not.
    read_until: i64,
    series: Series,
}

/// The series that is being read.
#[derive(Debug, Default)]
struct Series {
    last: Option<Point>,
    /// The place on the axis behind the last point.
    at: usize,
    /// Contributions that are not in the columns yet, and where they begin.
    run_start: usize,
    floats: Vec<f64>,
    integers: Vec<i64>,
}

impl Merge {
    /// A merge that finds its times in the points.
    pub(crate) fn new(manner: Manner) -> Self {
        Self {
            manner,
            interpolation: if manner.is_held {
                Interpolation::Previous
            } else {
                manner.aggregator.interpolation()
            },
            stage: Stage::Growing,
            axis: Axis::default(),
            floats: FloatColumns::new(manner.aggregator),
            integers: (!manner.is_float).then(|| IntegerColumns::new(manner.aggregator)),
            float_until: i64::MIN,
            read_until: i64::MIN,
            series: Series::default(),
        }
    }

    /// A merge whose points all lie at these times, ascending.
    pub(crate) fn with_grid(manner: Manner, times: Vec<i64>) -> Self {
        let mut merge = Self::new(manner);
        merge.axis = Axis::of(times);
        merge.stage = Stage::Complete;
        merge.grow();
        merge
    }

    fn grow(&mut self) {
        self.floats.grow(self.axis.len());
        if let Some(integers) = &mut self.integers {
            integers.grow(self.axis.len());
        }
    }

    /// Takes the next points of the series.
    pub(crate) fn push(&mut self, points: &[Point]) {
        let aligned = self.push_aligned(points);
        for point in points.get(aligned..).unwrap_or_default() {
            if self.stage == Stage::Collecting {
                self.collect(*point);
            } else {
                self.step(*point);
            }
        }
        self.flush();
    }

    /// Takes as many of the points as lie at the next times of the axis, one after another: then nothing has to be
    /// interpolated. Where integers are possible only floats: for what an integer has to know of its neighbours there is
    /// [`Merge::step`].
    fn push_aligned(&mut self, points: &[Point]) -> usize {
        let Some(first) = points.first() else {
            return 0;
        };
        if self.stage == Stage::Collecting {
            return 0;
        }
        let answers_floats = self.integers.is_none();
        if self.series.last.is_none() {
            self.begin(*first);
        }
        let times = self.axis.times_from(self.series.at);
        let is_aligned = |(point, time): &(&Point, &i64)| {
            point.time == **time && (answers_floats || point.number.is_float())
        };
        let count = points.iter().zip(times).take_while(is_aligned).count();
        let aligned = points.get(..count).unwrap_or_default();
        let numbers = aligned.iter().map(|point| point.number.to_f64());
        self.series.floats.extend(numbers);
        let mark = if answers_floats {
            PRESENT
        } else {
            PRESENT | FLOAT
        };
        if mark & FLOAT != 0 && count > 0 {
            self.mark_last_as_float();
            let length = self.series.integers.len() + count;
            self.series.integers.resize(length, 0);
        }
        self.axis.mark_all(self.series.at, count, mark);
        self.series.at += count;
        self.series.last = aligned.last().copied().or(self.series.last);
        count
    }

    /// The series has ended; the next points are another's.
    pub(crate) fn end_series(&mut self) {
        if let Some(last) = self.series.last.take() {
            self.read_until = self.read_until.max(last.time);
        }
    }

    fn is_answered(&self, time: i64) -> bool {
        self.manner.range.0 <= time && time <= self.manner.range.1
    }

    fn collect(&mut self, point: Point) {
        if self.is_answered(point.time) {
            self.axis.collect(point.time);
        }
    }

    fn step(&mut self, point: Point) {
        match self.series.last {
            None => self.begin(point),
            Some(last) => self.interpolate(last, point),
        }
        if self.is_answered(point.time) {
            if self.axis.time(self.series.at) == Some(point.time) {
                self.contribute_own(point.number);
            } else if self.can_append(point.time) {
                self.axis.append(point.time);
                self.contribute_own(point.number);
            } else if self.stage != Stage::Complete {
                self.stage = Stage::Collecting;
                self.axis.collect(point.time);
            }
            // A time that was not there at the first reading is of no answer: whatever came meanwhile comes too late.
        }
        self.series.last = Some(point);
    }

    /// Whether no series before has anything to say at `time`, and it is the last.
    fn can_append(&self, time: i64) -> bool {
        self.stage == Stage::Growing && self.series.at == self.axis.len() && time > self.read_until
    }

    fn begin(&mut self, first: Point) {
        if first.number.is_float() {
            self.float_until = self.float_until.max(first.time);
        }
        self.series.at = self.axis.first_from(first.time);
        self.series.run_start = self.series.at;
    }

    /// The times between two points of the series.
    fn interpolate(&mut self, last: Point, point: Point) {
        let is_float = last.number.is_float() || point.number.is_float();
        if point.number.is_float() {
            self.mark_last_as_float();
        }
        while let Some(time) = self.axis.time(self.series.at)
            && time < point.time
        {
            let float = float_between(self.interpolation, last, point, time);
            let integer = match (last.number, point.number) {
                (Number::Integer(y0), Number::Integer(y1)) => {
                    let times = (last.time, point.time);
                    integer_between(self.interpolation, times, (y0, y1), time)
                }
                _ => 0,
            };
            self.contribute(float, integer, if is_float { FLOAT } else { 0 });
        }
    }

    /// The series goes on with a float: at its last point it is one already.
    fn mark_last_as_float(&mut self) {
        if let Some(last) = self.series.last
            && let Some(own) = self.series.at.checked_sub(1)
            && self.axis.time(own) == Some(last.time)
        {
            self.axis.mark(own, FLOAT);
        }
    }

    fn contribute_own(&mut self, number: Number) {
        match number {
            Number::Integer(integer) => self.contribute(number.to_f64(), integer, PRESENT),
            Number::Float(float) => self.contribute(float, 0, PRESENT | FLOAT),
        }
    }

    /// Adds what the series has at the next time of the axis, in both arithmetics.
    #[inline]
    fn contribute(&mut self, float: f64, integer: i64, mark: u8) {
        self.axis.mark(self.series.at, mark);
        self.series.at += 1;
        self.series.floats.push(float);
        if self.integers.is_some() {
            self.series.integers.push(integer);
        }
    }

    /// Brings the contributions of a batch into the columns.
    fn flush(&mut self) {
        if self.series.floats.is_empty() {
            return;
        }
        self.grow();
        self.floats.add(self.series.run_start, &self.series.floats);
        if let Some(integers) = &mut self.integers {
            integers.add(self.series.run_start, &self.series.integers);
        }
        self.series.floats.clear();
        self.series.integers.clear();
        self.series.run_start = self.series.at;
    }

    /// Whether the group's series must be read again from the first, now that all times are known. Ends the
    /// first reading.
    pub(crate) fn wants_second_reading(&mut self) -> bool {
        if self.stage != Stage::Collecting {
            return false;
        }
        let axis = std::mem::take(&mut self.axis);
        *self = Self::with_grid(self.manner, axis.into_times());
        true
    }

    /// The memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let integers = self.integers.as_ref().map_or(0, IntegerColumns::bytes);
        self.axis.bytes() + self.floats.bytes() + integers
    }

    /// The merged points, some at a time, in order: replaces what `out` holds. False at the end.
    pub(crate) fn next_points(&mut self, from: &mut usize, out: &mut Vec<Point>) -> bool {
        out.clear();
        while *from < self.axis.len() && out.len() < POINTS_MAX {
            let slot = *from;
            *from += 1;
            if let Some(time) = self.axis.present_time(slot) {
                let number = self.number(slot, time);
                out.push(Point { time, number });
            }
        }
        !out.is_empty()
    }

    fn number(&mut self, slot: usize, time: i64) -> Number {
        match &mut self.integers {
            Some(integers) if time >= self.float_until && !self.axis.is_float(slot) => {
                Number::Integer(integers.finish(slot))
            }
            _ => Number::Float(self.floats.finish(slot)),
        }
    }
}

/// Points that leave in one go.
const POINTS_MAX: usize = 1_024;

/// What a series contributes at `time` between two of its points, in doubles.
fn float_between(interpolation: Interpolation, last: Point, next: Point, time: i64) -> f64 {
    match interpolation {
        Interpolation::Previous => last.number.to_f64(),
        Interpolation::Zero => 0.0,
        Interpolation::Largest => f64::MAX,
        Interpolation::Smallest => f64::MIN,
        Interpolation::Linear => {
            let (y0, y1) = (last.number.to_f64(), next.number.to_f64());
            #[expect(
                clippy::cast_precision_loss,
                reason = "OpenTSDB computes in doubles here"
            )]
            let (run, length) = ((time - last.time) as f64, (next.time - last.time) as f64);
            y0 + run * (y1 - y0) / length
        }
    }
}

/// The same between two integers, wrapping: the product first, then a quotient cut off.
fn integer_between(
    interpolation: Interpolation,
    (t0, t1): (i64, i64),
    (y0, y1): (i64, i64),
    time: i64,
) -> i64 {
    match interpolation {
        Interpolation::Previous => y0,
        Interpolation::Zero => 0,
        Interpolation::Largest => i64::MAX,
        Interpolation::Smallest => i64::MIN,
        Interpolation::Linear => {
            let rise = (time - t0).wrapping_mul(y1.wrapping_sub(y0));
            y0.wrapping_add(rise.wrapping_div(t1 - t0))
        }
    }
}

#[cfg(test)]
mod tests;
