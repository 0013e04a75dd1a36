//! Prints how many bytes a point takes in a block, for six shapes of data and three lengths of series.
//!
//! Not a test: it measures the codecs, and the numbers go into `docs/performance.md`. The data are drawn from a
//! seed, so that two runs can be compared.

#![expect(clippy::print_stdout, reason = "printing is all that it does")]

use penstock_model::{Day, Timestamp, Value};
use penstock_store::block::{BlockBuilder, BlockMeta, BuildError};
use penstock_store::chunk::Packing;
use penstock_store::{MetricId, Row, Sequence, SeriesId};

const POINTS: usize = 400_000;
const DAY: Day = Day::from_number(19_675);

/// Splitmix64: enough for data.
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between -`bound` and `bound`, both inclusive.
    fn around_zero(&mut self, bound: i64) -> i64 {
        (self.bits() >> 1).cast_signed() % (2 * bound + 1) - bound
    }

    /// Between 0 and 1.
    fn unit(&mut self) -> f64 {
        f64::from_bits(0x3ff0_0000_0000_0000 | (self.bits() >> 12)) - 1.0
    }
}

#[derive(Clone, Copy)]
enum Shape {
    IntegerWalk,
    TwoDecimalWalk,
    Counter,
    Constant,
    Random,
    Memory,
    Noise,
}

/// The ten metrics of a host.
const DEVOPS: [Shape; 10] = [
    Shape::IntegerWalk,
    Shape::IntegerWalk,
    Shape::IntegerWalk,
    Shape::IntegerWalk,
    Shape::Memory,
    Shape::TwoDecimalWalk,
    Shape::TwoDecimalWalk,
    Shape::Counter,
    Shape::Counter,
    Shape::Noise,
];

fn value(shape: Shape, state: &mut i64, draw: &mut Draw) -> Value {
    match shape {
        Shape::IntegerWalk => {
            *state = (*state + draw.around_zero(2)).clamp(0, 100);
            Value::Integer(*state)
        }
        Shape::TwoDecimalWalk => {
            *state = (*state + draw.around_zero(15)).clamp(0, 10_000);
            Value::from_decimal(*state, -2)
        }
        Shape::Counter => {
            *state += 550 + draw.around_zero(550);
            Value::Integer(*state)
        }
        Shape::Constant => Value::Integer(42),
        Shape::Random => Value::from_f64(draw.unit()),
        Shape::Memory => {
            *state += draw.around_zero(3) * 4_096;
            Value::Integer((8 << 30) + *state)
        }
        Shape::Noise => Value::from_decimal(20_000 + draw.around_zero(500), -3),
    }
}

fn bytes_per_point(
    shapes: &[Shape],
    rows_of_series: usize,
    packing: Packing,
) -> Result<f64, BuildError> {
    let meta = BlockMeta {
        day: DAY,
        first: Sequence(1),
        last: Sequence(2),
        received_first: DAY.start(),
        received_last: DAY.end(),
        tombstones: Sequence::ZERO,
    };
    let mut draw = Draw(42);
    let mut builder = BlockBuilder::new(meta, packing, Vec::new())?;
    let series_count = u32::try_from(POINTS / rows_of_series).unwrap_or(1).max(10);
    let shape_of_metric = (0u32..).zip(shapes.iter().cycle());
    for (metric, shape) in shape_of_metric.take(10) {
        for at in 0..series_count / 10 {
            let series = SeriesId(at * 10 + metric);
            let mut state = 50;
            let mut time = DAY.start();
            let rows: Vec<Row> = (0..rows_of_series)
                .map(|_| {
                    time = Timestamp::from_millis(time.millis() + 10_000);
                    Row::new(series, time, value(*shape, &mut state, &mut draw))
                })
                .collect();
            builder.push(MetricId(metric), series, &rows)?;
        }
    }
    let (_, summary) = builder.finish(Vec::new())?;
    #[expect(clippy::cast_precision_loss, reason = "sizes of a measurement")]
    Ok(summary.bytes as f64 / summary.rows as f64)
}

fn main() -> Result<(), BuildError> {
    let shapes: [(&str, &[Shape]); 6] = [
        ("devops", &DEVOPS),
        ("int walk", &[Shape::IntegerWalk]),
        ("2-decimal walk", &[Shape::TwoDecimalWalk]),
        ("counter", &[Shape::Counter]),
        ("constant", &[Shape::Constant]),
        ("random f64", &[Shape::Random]),
    ];
    let lengths = [120, 1_000, 8_000];
    println!("bytes a point, everything included, at 120 / 1,000 / 8,000 points a series");
    for (name, shapes) in shapes {
        for packing in [Packing::Memory, Packing::Disk] {
            print!("{name:>15} {:>6}", format!("{packing:?}"));
            for length in lengths {
                print!("  {:.3}", bytes_per_point(shapes, length, packing)?);
            }
            println!();
        }
    }
    Ok(())
}
