//! Version 1 of the format, byte for byte.
//!
//! A change of these files is a change of the format: it needs another version, its page in `docs/formats`
//! and a reader for both.

use super::*;

const MEMORY: &[u8] = include_bytes!("../../../tests/golden/block_v1_memory.block");
const DISK: &[u8] = include_bytes!("../../../tests/golden/block_v1_disk.block");
/// Written when chunks had 8,192 rows, which the format still allows.
const LONG_CHUNKS: [&[u8]; 2] = [
    include_bytes!("../../../tests/golden/block_v1_memory_long_chunks.block"),
    include_bytes!("../../../tests/golden/block_v1_disk_long_chunks.block"),
];

/// Every form of chunk and every column codec, in a shared page and in pages of their own.
fn golden() -> Content {
    let value = |text: &str| Value::parse(text.as_bytes()).unwrap();
    let walk = |series: u32, count: i64, of: &dyn Fn(i64) -> Value| -> Vec<Row> {
        (0..count)
            .map(|at| row(series, at * 10 + at % 3, of(at)))
            .collect()
    };
    let texts = |series: u32, texts: &[&str]| -> Vec<Row> {
        (0..)
            .zip(texts)
            .map(|(at, text)| row(series, at * 10, value(text)))
            .collect()
    };
    Content::from([
        ((1, 10), integers(10, 300, 10)),
        ((1, 11), texts(11, &["7", "7", "7"])),
        ((1, 12), texts(12, &["12", "12.5", "13.25", "0", "0.0"])),
        (
            (1, 300),
            texts(300, &["-0.0", "9223372036854775807", "1e-300", "1e300"]),
        ),
        (
            (2, 13),
            walk(13, 1_000, &|at| {
                Value::from_decimal(2_000 + at * at % 31, -2)
            }),
        ),
        (
            (2, 14),
            walk(14, 8_500, &|at| Value::Integer(at * 1_000 + at % 7)),
        ),
        (
            (2, 17),
            walk(17, 600, &|at| {
                Value::from_f64(1.0 / f64::from(u16::try_from(at + 3).unwrap()))
            }),
        ),
        ((2, 18), noise(18, 700)),
        ((2, 15), texts(15, &["-0.0", "-0.0"])),
        (
            (70_000, 16),
            walk(16, 130, &|at| Value::Integer(at * at * at % 1_009)),
        ),
    ])
}

#[test]
fn blocks_are_written_as_version_1() {
    // Not assert_eq: nobody reads two dumps of thousands of bytes.
    assert!(build(&golden(), Packing::Memory).0 == MEMORY, "memory");
    assert!(build(&golden(), Packing::Disk).0 == DISK, "disk");
}

#[test]
fn blocks_of_version_1_are_read() {
    for bytes in [MEMORY, DISK].into_iter().chain(LONG_CHUNKS) {
        let block = open(bytes).unwrap();
        assert_eq!(block.meta(), &META);
        assert_same(&read_all(&block).unwrap(), &golden());
    }
}

#[test]
fn another_version_is_refused() {
    let mut bytes = DISK.to_vec();
    bytes[7] = 2;
    assert!(matches!(
        open(&bytes),
        Err(BlockError::Damaged {
            offset: 0,
            damage: Damage::Magic,
            ..
        })
    ));
}
