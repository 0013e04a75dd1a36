use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use penstock_model::{Day, TenantId, Timestamp, Value};
use proptest::prelude::*;

use super::*;
use crate::chunk::Packing;
use crate::disk::{Disk, FileSink, SimDisk};
use crate::row::{MetricId, Row, Sequence, SeriesId};

mod damage;
mod golden;

/// 14 November 2023.
const DAY: Day = Day::from_number(19_675);

const META: BlockMeta = BlockMeta {
    day: DAY,
    first: Sequence(17),
    last: Sequence(40_000),
    received_first: Timestamp::from_millis(1_699_920_000_123),
    received_last: Timestamp::from_millis(1_699_930_000_456),
    tombstones: Sequence(3),
};

/// The rows of a block by (metric, series).
type Content = BTreeMap<(u32, u32), Vec<Row>>;

fn row(series: u32, seconds: i64, value: Value) -> Row {
    let time = DAY.start().saturating_add_millis(seconds * 1_000);
    Row::new(SeriesId(series), time, value)
}

fn integers(series: u32, count: i64, step_seconds: i64) -> Vec<Row> {
    (0..count)
        .map(|at| row(series, at * step_seconds, Value::Integer(at * at % 17)))
        .collect()
}

/// Rows that nothing packs well, so that a long chunk has a page of its own.
fn noise(series: u32, count: i64) -> Vec<Row> {
    let noise = |at: i64| {
        let mixed = at.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
        (mixed ^ (mixed >> 29)).wrapping_mul(mixed >> 7)
    };
    (0..count)
        .map(|at| row(series, at, Value::Integer(noise(at + i64::from(series)))))
        .collect()
}

fn build(content: &Content, packing: Packing) -> (Vec<u8>, BlockSummary) {
    let mut builder = BlockBuilder::new(META, packing, Vec::new()).unwrap();
    for ((metric, series), rows) in content {
        // In pieces, as a merge of several parts pushes them.
        for piece in rows.chunks(3_000) {
            builder
                .push(MetricId(*metric), SeriesId(*series), piece)
                .unwrap();
        }
    }
    let tenants = vec![TenantCount {
        tenant: TenantId::from_bytes([7; 16]),
        series: content.len() as u64,
        rows: content.values().map(|rows| rows.len() as u64).sum(),
    }];
    builder.finish(tenants).unwrap()
}

fn open(bytes: &[u8]) -> Result<Block, BlockError> {
    Block::open(BlockSource::Memory(Arc::from(bytes)))
}

/// What a reader sees of rows: decimals in their normal form.
fn seen(rows: &[Row]) -> Vec<(i64, SeriesId, Value)> {
    rows.iter()
        .map(|row| (row.time, row.series, row.value()))
        .collect()
}

fn read_all(block: &Block) -> Result<Content, BlockError> {
    let mut content = Content::new();
    let mut cursor = block.cursor();
    let mut before = None;
    while let Some((metric, series)) = cursor.next_series()? {
        assert!(before < Some((metric, series)), "series do not ascend");
        before = Some((metric, series));
        let rows = content.entry((metric.0, series.0)).or_default();
        while cursor.next_chunk(rows)? {}
    }
    Ok(content)
}

fn read_series(
    reader: &mut ChunkReader,
    (metric, series): (u32, u32),
    from: i64,
    to: i64,
) -> Result<Vec<Row>, BlockError> {
    let mut rows = Vec::new();
    reader.seek(MetricId(metric), SeriesId(series), from, to)?;
    while reader.next_chunk(&mut rows)? {}
    Ok(rows)
}

fn assert_same(found: &Content, expected: &Content) {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (key, rows) in expected {
        assert_eq!(seen(&found[key]), seen(rows), "{key:?}");
    }
}

/// Series of every length that matters, among them long ones between short ones.
fn all_lengths() -> Content {
    let lengths = [
        1, 2, 129, 511, 512, 513, 8_191, 8_192, 8_193, 8_640, 12_288, 12_289, 30_000, 3, 1,
    ];
    let mut content = Content::new();
    for (at, length) in (0u32..).zip(lengths) {
        content.insert((at / 4, 100 - at), integers(100 - at, length, 2));
    }
    content
}

#[test]
fn a_block_gives_back_what_it_was_given() {
    let content = all_lengths();
    for packing in [Packing::Memory, Packing::Disk] {
        let (bytes, summary) = build(&content, packing);
        let block = open(&bytes).unwrap();
        assert_same(&read_all(&block).unwrap(), &content);
        let rows: u64 = content.values().map(|rows| rows.len() as u64).sum();
        assert_eq!(block.meta(), &META);
        assert_eq!((block.rows(), summary.rows), (rows, rows));
        assert_eq!(block.chunks(), summary.chunks);
        assert_eq!(
            (block.bytes(), summary.bytes),
            (bytes.len() as u64, bytes.len() as u64)
        );
        assert_eq!(block.times(), summary.times);
        assert_eq!(
            block.times(),
            Some((DAY.start(), DAY.start().saturating_add_millis(59_998_000)))
        );
        assert_eq!(block.series(), &summary.series);
        assert_eq!(
            block.series(),
            &content.keys().map(|(_, series)| *series).collect()
        );
        assert_eq!(block.tenants()[0].rows, rows);
    }
}

#[test]
fn one_series_is_read_between_two_moments() {
    let content = all_lengths();
    let start = DAY.start().millis();
    for packing in [Packing::Memory, Packing::Disk] {
        let block = open(&build(&content, packing).0).unwrap();
        let mut reader = block.reader();
        for (key, rows) in content.iter().rev() {
            for (from, to) in [
                (i64::MIN, i64::MAX),
                (start, start),
                (start + 1, start + 1_999),
                (start + 16_384_000, start + 16_386_000),
                (start + 20_000_001, i64::MAX),
                (start + 5, start + 4),
                (i64::MAX, i64::MIN),
            ] {
                let wanted: Vec<Row> = rows
                    .iter()
                    .filter(|row| (from..=to).contains(&row.time))
                    .copied()
                    .collect();
                let found = read_series(&mut reader, *key, from, to).unwrap();
                assert_eq!(seen(&found), seen(&wanted), "{key:?} {from} {to}");
                let mut alone = block
                    .read(MetricId(key.0), SeriesId(key.1), from, to)
                    .unwrap();
                assert_eq!(
                    alone.next_chunk(&mut Vec::new()).unwrap(),
                    !wanted.is_empty()
                );
            }
        }
        for absent in [(0, 0), (0, 98), (1, 100), (9, 9), (u32::MAX, u32::MAX)] {
            if !content.contains_key(&absent) {
                assert_eq!(
                    read_series(&mut reader, absent, i64::MIN, i64::MAX).unwrap(),
                    []
                );
            }
        }
    }
}

#[test]
fn a_reader_that_stands_nowhere_has_no_chunk() {
    let block = open(&build(&all_lengths(), Packing::Memory).0).unwrap();
    assert!(!block.reader().next_chunk(&mut Vec::new()).unwrap());
    assert!(!block.cursor().next_chunk(&mut Vec::new()).unwrap());
}

#[test]
fn series_may_be_passed_over() {
    let content = all_lengths();
    let block = open(&build(&content, Packing::Disk).0).unwrap();
    let mut cursor = block.cursor();
    let mut count = 0;
    while cursor.next_series().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, content.len());
}

#[test]
fn a_long_series_is_cut_and_leaves_no_short_chunk() {
    for (rows, chunks) in [
        (2_304, vec![2_304]),
        (2_305, vec![2_048, 257]),
        (8_640, vec![2_048, 2_048, 2_048, 2_048, 448]),
    ] {
        let content = Content::from([((1, 1), integers(1, rows, 10))]);
        let (bytes, _) = build(&content, Packing::Disk);
        let mut cursor = open(&bytes).unwrap().cursor();
        cursor.next_series().unwrap();
        let (mut found, mut rows) = (Vec::new(), Vec::new());
        while cursor.next_chunk(&mut rows).unwrap() {
            found.push(rows.len());
            rows.clear();
        }
        assert_eq!(found, chunks);
    }
}

#[test]
fn a_block_in_a_file_is_the_block_in_memory() {
    let content = all_lengths();
    let (bytes, _) = build(&content, Packing::Disk);
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
    let path = Path::new("blocks/20231114/7");
    let mut builder =
        BlockBuilder::new(META, Packing::Disk, FileSink::create(&disk, path).unwrap()).unwrap();
    for ((metric, series), rows) in &content {
        builder
            .push(MetricId(*metric), SeriesId(*series), rows)
            .unwrap();
    }
    let tenants = open(&bytes).unwrap().tenants().to_vec();
    let (sink, summary) = builder.finish(tenants).unwrap();
    assert_eq!(sink.publish().unwrap(), summary.bytes);
    let file = disk.open(path).unwrap();
    let mut found = vec![0; bytes.len()];
    file.read_exact_at(&mut found, 0).unwrap();
    assert!(found == bytes, "pieces of another size make another block");
    let path = path.into();
    let block = Block::open(BlockSource::File { file, path }).unwrap();
    assert_eq!(block.bytes(), summary.bytes);
    assert_same(&read_all(&block).unwrap(), &content);
}

#[test]
fn an_empty_block_is_a_block() {
    for packing in [Packing::Memory, Packing::Disk] {
        let (bytes, summary) = build(&Content::new(), packing);
        let block = open(&bytes).unwrap();
        assert_eq!(
            (block.rows(), block.times(), summary.times),
            (0, None, None)
        );
        assert_eq!(read_all(&block).unwrap(), Content::new());
        assert_eq!(
            read_series(&mut block.reader(), (1, 1), 0, i64::MAX).unwrap(),
            []
        );
    }
}

#[test]
fn many_series_of_one_row_take_several_index_pages() {
    let content: Content = (0..5_000u32)
        .map(|at| {
            (
                (at / 500, at),
                vec![row(at, i64::from(at % 60), Value::Integer(i64::from(at)))],
            )
        })
        .collect();
    for packing in [Packing::Memory, Packing::Disk] {
        let (bytes, _) = build(&content, packing);
        let block = open(&bytes).unwrap();
        assert_same(&read_all(&block).unwrap(), &content);
        let mut reader = block.reader();
        for (key, rows) in content
            .iter()
            .step_by(97)
            .chain(content.iter().rev().step_by(89))
        {
            assert_eq!(read_series(&mut reader, *key, 0, i64::MAX).unwrap(), *rows);
        }
        assert_eq!(read_series(&mut reader, (3, 1), 0, i64::MAX).unwrap(), []);
    }
}

#[test]
fn short_chunks_wait_for_their_page_across_index_pages() {
    // A short series first, then so many long ones that their entries fill several index pages.
    let mut content = Content::from([((0, 0), integers(0, 5, 1))]);
    for series in 1..500 {
        content.insert((0, series), noise(series, 512));
    }
    content.insert((0, 9_000), integers(9_000, 5, 1));
    let block = open(&build(&content, Packing::Disk).0).unwrap();
    assert_same(&read_all(&block).unwrap(), &content);
}

#[test]
fn rows_that_may_not_come_are_refused() {
    let mut builder = BlockBuilder::new(META, Packing::Memory, Vec::new()).unwrap();
    let mut push =
        |metric, series, rows: &[Row]| builder.push(MetricId(metric), SeriesId(series), rows);
    let at = |seconds| row(0, seconds, Value::Integer(1));
    assert!(matches!(
        push(1, 5, &[at(2), at(1)]),
        Err(BuildError::Order { .. })
    ));
    assert!(matches!(
        push(1, 5, &[at(2), at(2)]),
        Err(BuildError::Order { .. })
    ));
    assert!(matches!(
        push(1, 5, &[at(-1), at(2)]),
        Err(BuildError::OutsideDay { .. })
    ));
    assert!(matches!(
        push(1, 5, &[at(2), at(86_400)]),
        Err(BuildError::OutsideDay { .. })
    ));
    push(1, 5, &[]).unwrap();
    push(1, 5, &[at(0), at(86_399)]).unwrap();
    assert!(matches!(
        push(1, 5, &[at(86_399)]),
        Err(BuildError::Order { .. })
    ));
    assert!(matches!(
        push(1, 4, &[at(1)]),
        Err(BuildError::Order { .. })
    ));
    assert!(matches!(
        push(0, 9, &[at(1)]),
        Err(BuildError::Order { .. })
    ));
    push(2, 4, &[at(1)]).unwrap();
    let (bytes, summary) = builder.finish(Vec::new()).unwrap();
    assert_eq!((summary.rows, open(&bytes).unwrap().rows()), (3, 3));
}

#[test]
fn a_full_disk_is_told() {
    #[derive(Debug)]
    struct Full;
    impl BlockSink for Full {
        fn write_all(&mut self, _: &[u8]) -> std::io::Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }
    match BlockBuilder::new(META, Packing::Disk, Full) {
        Err(BuildError::Write(error)) => assert_eq!(error.kind(), std::io::ErrorKind::StorageFull),
        other => panic!("{other:?}"),
    }
}

fn any_content() -> impl Strategy<Value = Content> {
    let value = prop_oneof![
        4 => (-50i64..50).prop_map(Value::Integer),
        4 => (-5_000i64..5_000, -3i16..=0).prop_map(|(m, e)| Value::from_decimal(m, e)),
        1 => any::<i64>().prop_map(Value::Integer),
        1 => Just(Value::Double(-0.0)),
    ];
    let samples = proptest::collection::btree_map(0i64..86_400, value, 1..40);
    proptest::collection::btree_map((0u32..4, 0u32..2_000), samples, 0..60).prop_map(|content| {
        content
            .into_iter()
            .map(|(key, samples)| {
                let rows = samples
                    .into_iter()
                    .map(|(seconds, value)| row(key.1, seconds, value))
                    .collect();
                (key, rows)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_content_comes_back(content in any_content(), from in 0i64..86_400, length in 0i64..86_400) {
        let (from, to) = (row(0, from, Value::Integer(0)).time, row(0, from + length, Value::Integer(0)).time);
        for packing in [Packing::Memory, Packing::Disk] {
            let block = open(&build(&content, packing).0).unwrap();
            assert_same(&read_all(&block).unwrap(), &content);
            let mut reader = block.reader();
            for (key, rows) in &content {
                let wanted: Vec<Row> =
                    rows.iter().filter(|row| (from..=to).contains(&row.time)).copied().collect();
                let found = read_series(&mut reader, *key, from, to).unwrap();
                prop_assert_eq!(seen(&found), seen(&wanted));
            }
        }
    }
}
