//! The log as its caller sees it, on a disk that fails.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use penstock_model::{SeriesIdentity, SeriesKey, SeriesKind, Tags, TenantId, Timestamp};

use super::record::{
    TombstoneRecord, encode_definition, encode_samples, encode_tombstone, set_sequence,
};
use super::*;
use crate::disk::sim::FileOp;
use crate::disk::{FileNumber, SimDisk, file_names};
use crate::row::{MetricId, Row, SeriesId, ValueKind};

mod crash;
mod damage;

const TINY: WalConfig = WalConfig {
    segment_bytes: 4_096,
    group_bytes_max: 1_200,
    spare_segments: 2,
};

/// What a record of this sequence and content holds: a few rows that no other record has.
fn rows(sequence: u64, content: u64) -> Vec<Row> {
    (0..=content % 40)
        .map(|at| Row {
            time: 1_700_000_000_000 + i64::try_from(sequence * 1_000).unwrap(),
            bits: i64::try_from(content * 100 + at).unwrap(),
            series: SeriesId(u32::try_from(at).unwrap()),
            exponent: 0,
            kind: ValueKind::Integer,
        })
        .collect()
}

/// Records of these contents, from `first` on.
fn records(first: u64, contents: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (sequence, content) in (first..).zip(contents) {
        let start = bytes.len();
        encode_samples(&rows(sequence, *content), &mut bytes);
        set_sequence(&mut bytes[start..], Sequence(sequence));
    }
    bytes
}

/// A log and what it should hold.
#[derive(Debug)]
struct Log {
    wal: Wal,
    /// The content of every sequence that is in the log.
    held: BTreeMap<u64, u64>,
    report: ReplayReport,
}

impl Log {
    fn open(disk: &SimDisk, flushed: u64) -> Result<Self, WalError> {
        Self::open_with(disk, flushed, OnCorruption::Refuse)
    }

    fn open_with(disk: &SimDisk, flushed: u64, policy: OnCorruption) -> Result<Self, WalError> {
        let mut held = BTreeMap::new();
        let mut visit = |sequence: Sequence, received: Timestamp, record: Record<'_>| {
            let Record::Samples(samples) = record else {
                panic!("{record:?}");
            };
            let mut found = Vec::new();
            samples.decode(&mut found).unwrap();
            let content = u64::try_from(found[0].bits).unwrap() / 100;
            assert_eq!(found, rows(sequence.0, content));
            assert_eq!(received.millis() % 7, 0);
            assert!(held.insert(sequence.0, content).is_none());
            Ok::<(), WalError>(())
        };
        let disk = Arc::new(disk.clone());
        let (wal, report) = Wal::open(disk, TINY, Sequence(flushed), policy, &mut visit)?;
        Ok(Self { wal, held, report })
    }

    fn next(&self) -> u64 {
        self.wal.last().next().0
    }

    /// Writes one group of these contents.
    fn write(&mut self, contents: &[u64]) -> Result<(), WalError> {
        let first = self.next();
        let last = first + u64::try_from(contents.len()).unwrap() - 1;
        let bytes = records(first, contents);
        let received = Timestamp::from_millis(i64::try_from(first).unwrap() * 7);
        self.wal
            .write_group(&bytes, Sequence(first), Sequence(last), received)?;
        self.held.extend((first..).zip(contents.iter().copied()));
        Ok(())
    }
}

/// A log of `groups` groups of three records each, all of them synced.
fn filled(disk: &SimDisk, groups: u64) -> Log {
    let mut log = Log::open(disk, 0).unwrap();
    for group in 0..groups {
        log.write(&[group * 3, group * 3 + 1, group * 3 + 2])
            .unwrap();
    }
    log
}

fn segments(disk: &SimDisk) -> Vec<String> {
    disk.list(Path::new(file_names::WAL)).unwrap()
}

#[test]
fn what_is_written_is_replayed_in_order() {
    let disk = SimDisk::new();
    let log = filled(&disk, 40);
    assert!(segments(&disk).len() > 4);
    let again = Log::open(&disk.image(1), 0).unwrap();
    assert_eq!(again.held, log.held);
    assert_eq!(again.report.last, Sequence(120));
    assert_eq!((again.report.groups, again.report.records), (40, 120));
    assert_eq!(again.wal.bytes_in_use(), log.wal.bytes_in_use());
    assert_eq!(again.report.dropped_tail, None);
}

#[test]
fn only_records_above_the_flushed_sequence_are_shown() {
    let disk = SimDisk::new();
    let log = filled(&disk, 40);
    for flushed in [1, 30, 31, 119, 120, 500] {
        let again = Log::open(&disk.image(1), flushed).unwrap();
        let expected: Vec<_> = log.held.range(flushed + 1..).collect();
        assert_eq!(again.held.iter().collect::<Vec<_>>(), expected);
        assert_eq!(again.next(), flushed.max(120) + 1);
    }
}

#[test]
fn one_group_costs_one_write_and_one_sync() {
    let disk = SimDisk::new();
    let mut log = filled(&disk, 1);
    let before = disk.operations();
    log.write(&[1]).unwrap();
    assert_eq!(disk.operations() - before, 2);
}

#[test]
fn released_segments_are_used_again_and_never_grow() {
    let disk = SimDisk::new();
    let mut log = filled(&disk, 20);
    let made = segments(&disk).len();
    for round in 0..50 {
        log.wal.release(log.wal.last()).unwrap();
        assert_eq!(log.wal.bytes_in_use(), 0);
        log.held.clear();
        for content in 0..6 {
            log.write(&[round, content]).unwrap();
        }
    }
    assert!(segments(&disk).len() <= made);
    for name in segments(&disk) {
        let file = disk.open(&Path::new(file_names::WAL).join(name)).unwrap();
        assert_eq!(file.len().unwrap(), TINY.segment_bytes);
    }
    let flushed = log.held.keys().next().unwrap() - 1;
    assert_eq!(Log::open(&disk.image(1), flushed).unwrap().held, log.held);
}

#[test]
fn a_spare_segment_is_made_ahead() {
    let disk = SimDisk::new();
    let mut log = Log::open(&disk, 0).unwrap();
    let pool = log.wal.pool();
    assert!(pool.is_empty());
    assert!(pool.prepare().unwrap());
    assert!(!pool.prepare().unwrap());
    let before = disk.operations();
    log.write(&[1]).unwrap();
    assert_eq!(disk.operations() - before, 4, "a head and a group");
    assert!(pool.is_empty());
}

#[test]
fn a_full_disk_refuses_a_segment_and_nothing_is_lost() {
    let disk = SimDisk::new();
    let mut log = filled(&disk, 1);
    disk.set_full(true);
    let refused = loop {
        if let Err(error) = log.write(&[3, 30, 33]) {
            break error;
        }
    };
    assert_eq!(refused.kind(), WalErrorKind::NoSpace);
    assert_eq!(
        log.wal.pool().prepare().unwrap_err().kind(),
        WalErrorKind::NoSpace
    );
    disk.set_full(false);
    log.write(&[5]).unwrap();
    assert_eq!(Log::open(&disk.image(1), 0).unwrap().held, log.held);
    assert!(
        segments(&disk)
            .iter()
            .all(|name| FileNumber::parse(name).is_some())
    );
}

#[test]
fn a_disk_that_fills_up_while_a_segment_is_filled_leaves_nothing_behind() {
    let disk = SimDisk::new();
    let log = Log::open(&disk, 0).unwrap();
    disk.fail_next(FileOp::Write, io::ErrorKind::StorageFull);
    assert_eq!(
        log.wal.pool().prepare().unwrap_err().kind(),
        WalErrorKind::NoSpace
    );
    assert!(segments(&disk).is_empty());
}

#[test]
fn after_a_failed_write_or_sync_the_log_takes_nothing_more() {
    for operation in [FileOp::Write, FileOp::Sync] {
        let disk = SimDisk::new();
        let mut log = filled(&disk, 5);
        disk.fail_next(operation, io::ErrorKind::Other);
        assert_eq!(log.write(&[1]).unwrap_err().kind(), WalErrorKind::Fatal);
        assert!(matches!(log.write(&[1]), Err(WalError::Failed)));
        for seed in 0..20 {
            let again = Log::open(&disk.image(seed), 0).unwrap();
            assert_eq!(again.held, log.held, "what was acknowledged is there");
        }
    }
}

#[test]
fn groups_that_cannot_be_are_refused() {
    let disk = SimDisk::new();
    let mut log = filled(&disk, 1);
    let received = Timestamp::from_millis(0);
    let mut write = |records: &[u8], first, last| {
        let (first, last) = (Sequence(first), Sequence(last));
        let refused = log.wal.write_group(records, first, last, received);
        assert_eq!(refused.unwrap_err().kind(), WalErrorKind::Misuse);
    };
    write(&[], 4, 4);
    write(&[0; 1_201], 4, 4);
    write(&[0; 10], 5, 5);
    write(&[0; 10], 3, 4);
    write(&[0; 10], 4, 3);
    let small = WalConfig {
        segment_bytes: 2_048,
        ..TINY
    };
    let mut visit = |_: Sequence, _: Timestamp, _: Record<'_>| Ok::<(), WalError>(());
    let disk = Arc::new(disk);
    let refused = Wal::open(
        disk,
        small,
        Sequence::ZERO,
        OnCorruption::Refuse,
        &mut visit,
    );
    assert_eq!(refused.unwrap_err().kind(), WalErrorKind::Misuse);
}

#[test]
fn segments_of_another_length_are_replayed_and_then_removed() {
    let disk = SimDisk::new();
    let log = filled(&disk, 10);
    let before = segments(&disk);
    let longer = WalConfig {
        segment_bytes: 8_192,
        ..TINY
    };
    let mut shown = 0;
    let mut visit = |_: Sequence, _: Timestamp, _: Record<'_>| {
        shown += 1;
        Ok::<(), WalError>(())
    };
    let same = Arc::new(disk.clone());
    let (mut wal, _) = Wal::open(
        same,
        longer,
        Sequence::ZERO,
        OnCorruption::Refuse,
        &mut visit,
    )
    .unwrap();
    wal.release(log.wal.last()).unwrap();
    assert_eq!(shown, 30);
    assert!(segments(&disk).iter().all(|name| !before.contains(name)));
}

#[test]
fn the_format_is_the_one_of_the_golden_file() {
    let golden = include_bytes!("../../tests/golden/wal-segment-v1.bin");
    let disk = SimDisk::new();
    let mut visit = |_: Sequence, _: Timestamp, _: Record<'_>| Ok::<(), WalError>(());
    let same = Arc::new(disk.clone());
    let (mut wal, _) =
        Wal::open(same, TINY, Sequence::ZERO, OnCorruption::Refuse, &mut visit).unwrap();
    let (group, last) = one_of_each();
    wal.write_group(
        &group,
        Sequence(1),
        last,
        Timestamp::from_millis(1_764_064_800_000),
    )
    .unwrap();
    let second = records(4, &[7]);
    wal.write_group(
        &second,
        Sequence(4),
        Sequence(4),
        Timestamp::from_millis(1_764_064_800_250),
    )
    .unwrap();
    let file = disk.open(&file_names::wal_segment(FileNumber(1))).unwrap();
    let mut bytes = vec![0; usize::try_from(TINY.segment_bytes).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert!(bytes == golden, "{bytes:02x?}");
    let (_, report) = Wal::open(
        Arc::new(disk),
        TINY,
        Sequence::ZERO,
        OnCorruption::Refuse,
        &mut visit,
    )
    .unwrap();
    assert_eq!((report.groups, report.records), (2, 4));
}

/// Records of every type, of sequences 1 to 3.
fn one_of_each() -> (Vec<u8>, Sequence) {
    let tenant = TenantId::from_bytes([0x11; 16]);
    let tombstone = TombstoneRecord {
        tenant,
        series: vec![SeriesId(0), SeriesId(1), SeriesId(300)],
        from: 1_764_000_000_000,
        to: 1_764_064_799_999,
    };
    let decimal = |time: i64, series, mantissa| Row {
        time: 1_764_064_800_000 + time,
        bits: mantissa,
        series: SeriesId(series),
        exponent: -2,
        kind: ValueKind::Decimal,
    };
    let double = Row {
        bits: (-0.0f64).to_bits().cast_signed(),
        kind: ValueKind::Double,
        exponent: 0,
        ..decimal(10_000, 70_000, 0)
    };
    let mut bytes = Vec::new();
    encode_definition(SeriesId(0), MetricId(0), &key(tenant), &mut bytes);
    set_sequence(&mut bytes, Sequence(1));
    let start = bytes.len();
    encode_samples(
        &[decimal(0, 0, 1_234), decimal(0, 1, -5), double],
        &mut bytes,
    );
    set_sequence(&mut bytes[start..], Sequence(2));
    let start = bytes.len();
    encode_tombstone(&tombstone, &mut bytes);
    set_sequence(&mut bytes[start..], Sequence(3));
    (bytes, Sequence(3))
}

fn key(tenant: TenantId) -> SeriesKey {
    SeriesIdentity {
        tenant,
        kind: SeriesKind::Raw,
        metric: "sys.cpu.nice".into(),
        tags: Tags::from_pairs([("host", "web01")]).unwrap(),
    }
    .to_key()
}
