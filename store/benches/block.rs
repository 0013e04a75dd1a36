//! How fast rows become a block and come back: sealing (memory), flushing (disk), reading.
//!
//! The numbers are in rows a second; `cargo bench -p penstock-store --bench block`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench stops at the first surprise"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use penstock_model::{Day, Timestamp, Value};
use penstock_store::block::{Block, BlockBuilder, BlockMeta, BlockSource};
use penstock_store::chunk::Packing;
use penstock_store::{MetricId, Row, Sequence, SeriesId};

const DAY: Day = Day::from_number(19_675);
const ROWS: usize = 1 << 20;

const META: BlockMeta = BlockMeta {
    day: DAY,
    first: Sequence(1),
    last: Sequence(2),
    received_first: DAY.start(),
    received_last: DAY.end(),
    tombstones: Sequence::ZERO,
};

/// A million rows, sorted: integer walks, two-decimal walks, counters and noise, 10 s apart.
fn sorted_rows(rows_of_series: usize) -> Vec<Row> {
    let mut state = 1u64;
    let mut draw = move |bound: i64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 1).cast_signed() % bound
    };
    let mut rows = Vec::with_capacity(ROWS);
    for series in 0..ROWS / rows_of_series {
        let id = SeriesId(u32::try_from(series).unwrap_or(u32::MAX));
        let mut level = 5_000i64;
        for at in (0i64..).take(rows_of_series) {
            let time = Timestamp::from_millis(DAY.start().millis() + at * 10_000);
            let value = match series % 4 {
                0 => {
                    level += draw(5) - 2;
                    Value::Integer(level)
                }
                1 => {
                    level += draw(31) - 15;
                    Value::from_decimal(level, -2)
                }
                2 => {
                    level += draw(1_100);
                    Value::Integer(level)
                }
                _ => Value::from_decimal(20_000 + draw(1_000), -3),
            };
            rows.push(Row::new(id, time, value));
        }
    }
    rows
}

fn build(rows: &[Row], packing: Packing) -> Vec<u8> {
    let mut builder = BlockBuilder::new(META, packing, Vec::new()).unwrap();
    for series in rows.chunk_by(|a, b| a.series == b.series) {
        builder.push(MetricId(0), series[0].series, series).unwrap();
    }
    builder.finish(Vec::new()).unwrap().0
}

fn read(block: &Block, out: &mut Vec<Row>) -> usize {
    let mut cursor = block.cursor();
    let mut rows = 0;
    while cursor.next_series().unwrap().is_some() {
        while cursor.next_chunk(out).unwrap() {
            rows += out.len();
            out.clear();
        }
    }
    rows
}

fn blocks(c: &mut Criterion) {
    for (packing, lengths) in [
        (Packing::Memory, &[1usize, 16, 128, 8_192][..]),
        (Packing::Disk, &[1, 128, 1_024, 8_192]),
    ] {
        let mut group = c.benchmark_group(format!("{packing:?}"));
        group.throughput(Throughput::Elements(ROWS as u64));
        group.sample_size(10);
        for length in lengths {
            let rows = sorted_rows(*length);
            group.bench_function(format!("write/{length} rows a series"), |b| {
                b.iter(|| black_box(build(&rows, packing)));
            });
            let bytes: Arc<[u8]> = build(&rows, packing).into();
            let block = Block::open(BlockSource::Memory(bytes)).unwrap();
            let mut out = Vec::new();
            group.bench_function(format!("read/{length} rows a series"), |b| {
                b.iter(|| assert_eq!(read(&block, &mut out), rows.len()));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, blocks);
criterion_main!(benches);
