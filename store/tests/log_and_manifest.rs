//! Log and manifest together, cut short after every file operation: what is acknowledged is in one of them, and
//! the log lets go only of what the manifest has.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test a failure is a panic"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_model::{Day, Timestamp};
use penstock_store::disk::{FileNumber, SimDisk};
use penstock_store::manifest::{BlockEntry, Edit, Manifest, ManifestConfig, ManifestError};
use penstock_store::wal::record::{encode_samples, set_sequence};
use penstock_store::wal::{OnCorruption, Record, Wal, WalConfig, WalError};
use penstock_store::{Row, Sequence, SeriesId, ValueKind};

const LOG: WalConfig = WalConfig {
    segment_bytes: 4_096,
    group_bytes_max: 1_200,
    spare_segments: 2,
};
const MANIFEST: ManifestConfig = ManifestConfig { edits_max: 3 };

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Wal(#[from] WalError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// A store of nothing but a log and a manifest: a block is its entry.
#[derive(Debug)]
struct Pair {
    wal: Wal,
    manifest: Manifest,
    /// The value of each sequence that the log has.
    in_log: BTreeMap<u64, i64>,
}

impl Pair {
    fn open(disk: &SimDisk) -> Result<Self, Failure> {
        let (mut manifest, version) = Manifest::open(Arc::new(disk.clone()), MANIFEST)?;
        let mut in_log = BTreeMap::new();
        let mut visit = |sequence: Sequence, _: Timestamp, record: Record<'_>| {
            let mut rows = Vec::new();
            if let Record::Samples(samples) = record {
                samples.decode(&mut rows).unwrap();
            }
            in_log.insert(sequence.0, rows[0].bits);
            Ok::<(), Failure>(())
        };
        let (wal, report) = Wal::open(
            Arc::new(disk.clone()),
            LOG,
            version.flushed,
            OnCorruption::Refuse,
            &mut visit,
        )?;
        if report.dropped_tail.is_some() {
            manifest.publish(Edit {
                dropped_tail: report.dropped_tail,
                ..Edit::default()
            })?;
        }
        Ok(Self {
            wal,
            manifest,
            in_log,
        })
    }

    fn write(&mut self, values: &[i64]) -> Result<(), Failure> {
        let first = self.wal.last().next();
        let mut records = Vec::new();
        for (sequence, value) in (first.0..).zip(values) {
            let start = records.len();
            encode_samples(&[row(*value); 9], &mut records);
            set_sequence(&mut records[start..], Sequence(sequence));
        }
        let last = Sequence(first.0 + values.len() as u64 - 1);
        self.wal
            .write_group(&records, first, last, Timestamp::from_millis(1))?;
        self.in_log.extend((first.0..).zip(values.iter().copied()));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let version = self.manifest.version();
        let flushed = self.wal.last();
        self.manifest.publish(Edit {
            add_blocks: vec![BlockEntry {
                day: Day::from_number(20_782),
                file: FileNumber(version.next_file),
                first: version.flushed.next(),
                last: flushed,
                bytes: 1,
            }],
            flushed: Some(flushed),
            next_file: Some(version.next_file + 1),
            ..Edit::default()
        })?;
        self.wal.release(flushed)?;
        self.in_log.clear();
        Ok(())
    }
}

fn row(value: i64) -> Row {
    Row {
        time: 1_764_064_800_000,
        bits: value,
        series: SeriesId(1),
        exponent: 0,
        kind: ValueKind::Integer,
    }
}

/// Groups, flushes and restarts; `acknowledged` is what the writers were told.
fn run(disk: &SimDisk, acknowledged: &mut BTreeMap<u64, i64>, salt: i64) -> Result<(), Failure> {
    let mut pair = Pair::open(disk)?;
    for step in 0..24 {
        match step % 8 {
            3 => pair.flush()?,
            6 if step > 8 => pair = Pair::open(disk)?,
            _ => {
                let values: Vec<i64> = (0..=step % 5).map(|n| salt + step * 10 + n).collect();
                let first = pair.wal.last().next().0;
                pair.write(&values)?;
                acknowledged.extend((first..).zip(values));
            }
        }
    }
    Ok(())
}

/// Every acknowledged sequence is in a block or in the log with its value.
fn check(disk: &SimDisk, acknowledged: &BTreeMap<u64, i64>) {
    let pair = Pair::open(disk).unwrap();
    let flushed = pair.manifest.version().flushed;
    for (sequence, value) in acknowledged.range(flushed.0 + 1..) {
        assert_eq!(
            pair.in_log.get(sequence),
            Some(value),
            "sequence {sequence}"
        );
    }
    let last_told = acknowledged.keys().last().copied().unwrap_or_default();
    assert!(
        flushed.0 <= last_told,
        "nothing is flushed before it is acknowledged"
    );
    let mut end = Sequence::ZERO;
    for block in &pair.manifest.version().blocks {
        assert_eq!(block.first, end.next(), "blocks follow each other");
        end = block.last;
    }
    assert_eq!(end, flushed);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes_after_any_operation() {
    for crash in 0.. {
        let disk = SimDisk::new();
        disk.crash_at(crash);
        let mut acknowledged = BTreeMap::new();
        let outcome = run(&disk, &mut acknowledged, 0);
        for seed in 0..4 {
            let left = if seed == 0 {
                disk.killed()
            } else {
                disk.image(seed)
            };
            check(&left, &acknowledged);
            let again = left.image(seed);
            check(&again, &acknowledged);
            let mut later = acknowledged.clone();
            again.crash_at(again.operations() + 20 + crash % 50);
            run(&again, &mut later, 10_000).ok();
            check(&again.image(crash), &later);
        }
        if outcome.is_ok() {
            return;
        }
    }
}
