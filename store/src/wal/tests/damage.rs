//! Bytes that changed, files that are gone, tails that were torn.

use super::*;

fn segment_path(number: u64) -> std::path::PathBuf {
    file_names::wal_segment(FileNumber(number))
}

/// Ends the log with a write that only partly reached the disk: the process dies in it.
fn tear_next_group(disk: &SimDisk, log: &mut Log, seed: u64) -> SimDisk {
    disk.fail_next(FileOp::Sync, io::ErrorKind::Other);
    let operations = disk.operations();
    log.write(&[20, 21, 22]).unwrap_err();
    assert_eq!(disk.operations(), operations + 2);
    let torn = disk.killed();
    let at = log.wal.position.unwrap();
    let number = log.wal.in_use.back().unwrap().segment.number.0;
    torn.corrupt(&segment_path(number), at + 100 + seed, 0xff)
        .unwrap();
    torn
}

#[test]
fn every_flipped_byte_is_reported_or_was_not_in_use() {
    let disk = SimDisk::new();
    let mut log = filled(&disk, 12);
    log.wal.release(Sequence(16)).unwrap();
    let without_last = log.held.split_off(&17);
    log.held.clone_from(&without_last);
    log.write(&[50, 51]).unwrap();
    let whole = log.held;
    for name in segments(&disk) {
        for offset in 0..TINY.segment_bytes {
            let damaged = disk.killed();
            let path = Path::new(file_names::WAL).join(&name);
            damaged.corrupt(&path, offset, 1 << (offset % 8)).unwrap();
            match Log::open(&damaged, 16) {
                Err(error) => assert_eq!(error.kind(), WalErrorKind::Corrupt),
                Ok(log) if log.report.dropped_tail.is_some() => assert_eq!(log.held, without_last),
                Ok(log) => assert_eq!(log.held, whole, "{name} {offset}"),
            }
        }
    }
}

#[test]
fn a_flipped_byte_in_a_group_before_the_last_is_refused_and_can_be_salvaged() {
    let disk = SimDisk::new();
    let log = filled(&disk, 20);
    disk.corrupt(&segment_path(2), 512 + 60, 4).unwrap();
    let refused = Log::open(&disk, 0).unwrap_err();
    let WalError::Corrupt {
        segment, offset, ..
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!((segment, offset), (FileNumber(2), 512));
    let salvaged = Log::open_with(&disk, 0, OnCorruption::Salvage).unwrap();
    let [lost] = salvaged.report.lost[..] else {
        panic!("{:?}", salvaged.report);
    };
    let mut expected = log.held.clone();
    expected.retain(|sequence, _| !(lost.first.0..=lost.last.0).contains(sequence));
    assert_eq!(salvaged.held, expected);
    assert_eq!(lost.last.0 - lost.first.0, 2);
    let after = salvaged.report.last.0;
    Log::open(&disk, after).unwrap();
}

#[test]
fn a_damaged_segment_head_is_refused_and_can_be_salvaged() {
    let disk = SimDisk::new();
    let log = filled(&disk, 20);
    disk.corrupt(&segment_path(2), 20, 4).unwrap();
    assert_eq!(
        Log::open(&disk, 0).unwrap_err().kind(),
        WalErrorKind::Corrupt
    );
    let salvaged = Log::open_with(&disk, 0, OnCorruption::Salvage).unwrap();
    assert_eq!(salvaged.held, log.held);
    assert_eq!(salvaged.report.unreadable, [FileNumber(2)]);
}

#[test]
fn a_torn_tail_is_dropped_reported_and_written_over() {
    for seed in 0..20 {
        let disk = SimDisk::new();
        let mut log = filled(&disk, 4);
        let torn = tear_next_group(&disk, &mut log, seed);
        let mut again = Log::open(&torn, 0).unwrap();
        assert_eq!(again.held, log.held);
        let dropped = again.report.dropped_tail.unwrap();
        assert_eq!(dropped.group, 5);
        let twice = Log::open(&torn, 0).unwrap();
        assert_eq!(
            twice.report.dropped_tail,
            Some(dropped),
            "until something is written"
        );
        again.write(&[30]).unwrap();
        again.write(&[31]).unwrap();
        let later = Log::open(&torn, 0).unwrap();
        assert_eq!(later.held, again.held);
        assert_eq!(later.report.dropped_tail, None);
    }
}

#[test]
fn a_missing_segment_is_a_gap() {
    for (number, policy) in [(1, OnCorruption::Refuse), (2, OnCorruption::Refuse)] {
        let disk = SimDisk::new();
        let log = filled(&disk, 30);
        disk.remove(&segment_path(number)).unwrap();
        let refused = Log::open_with(&disk, 0, policy).unwrap_err();
        assert_eq!(refused.kind(), WalErrorKind::Corrupt, "{refused}");
        let salvaged = Log::open_with(&disk, 0, OnCorruption::Salvage).unwrap();
        assert_eq!(salvaged.report.lost.len(), 1);
        assert!(salvaged.held.len() < log.held.len());
        assert_eq!(salvaged.next(), log.next());
    }
}

#[test]
fn a_gap_below_the_flushed_sequence_does_not_matter() {
    let disk = SimDisk::new();
    let log = filled(&disk, 30);
    disk.remove(&segment_path(1)).unwrap();
    let again = Log::open(&disk, 25).unwrap();
    assert!(again.held.iter().eq(log.held.range(26..)));
}

#[test]
fn a_gap_between_blocks_and_log_is_refused() {
    let disk = SimDisk::new();
    filled(&disk, 30);
    disk.remove(&segment_path(1)).unwrap();
    let refused = Log::open(&disk, 2).unwrap_err();
    let WalError::Gap {
        expected, found, ..
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!(expected, Sequence(3));
    assert!(found > expected);
}

#[test]
fn a_segment_of_another_version_is_refused() {
    let disk = SimDisk::new();
    filled(&disk, 1);
    let file = disk.open(&segment_path(1)).unwrap();
    let mut sector = vec![0; 512];
    file.read_exact_at(&mut sector, 0).unwrap();
    sector[8] = 9;
    let checksum = crate::codec::checksum::Checksum::of(&sector[..508]);
    sector[508..].copy_from_slice(&checksum.to_bytes());
    file.write_all_at(&sector, 0).unwrap();
    let refused = Log::open(&disk, 0).unwrap_err();
    assert!(
        matches!(refused, WalError::Version { version: 9, .. }),
        "{refused}"
    );
}

#[test]
fn a_segment_cut_short_is_refused_if_it_is_needed() {
    let disk = SimDisk::new();
    filled(&disk, 20);
    let whole = disk.open(&segment_path(2)).unwrap();
    let mut bytes = vec![0; 700];
    whole.read_exact_at(&mut bytes, 0).unwrap();
    disk.remove(&segment_path(2)).unwrap();
    let cut = disk.create(&segment_path(2)).unwrap();
    cut.write_all_at(&bytes, 0).unwrap();
    assert_eq!(
        Log::open(&disk, 0).unwrap_err().kind(),
        WalErrorKind::Corrupt
    );
}
