use super::*;
use crate::disk::SimDisk;
use crate::disk::sim::FileOp;
use crate::row::Sequence;
use crate::wal::DroppedTail;

use penstock_model::{Day, TenantId};
use proptest::prelude::*;
use roaring::RoaringBitmap;

const SMALL: ManifestConfig = ManifestConfig { edits_max: 3 };

fn open(disk: &SimDisk) -> Result<Manifest, ManifestError> {
    Manifest::open(Arc::new(disk.clone()), SMALL).map(|(manifest, version)| {
        assert_eq!(manifest.version(), version);
        manifest
    })
}

fn block(day: i32, file: u64) -> BlockEntry {
    BlockEntry {
        day: Day::from_number(day),
        file: FileNumber(file),
        first: Sequence(file * 10),
        last: Sequence(file * 10 + 9),
        bytes: 1_000,
    }
}

fn tombstone(sequence: u64, series: impl IntoIterator<Item = u32>) -> Tombstone {
    Tombstone {
        sequence: Sequence(sequence),
        tenant: TenantId::from_bytes([3; 16]),
        series: RoaringBitmap::from_iter(series),
        from: -5,
        to: 1_700_000_000_000,
    }
}

/// The edit of a flush.
fn flush(file: u64) -> Edit {
    Edit {
        add_blocks: vec![block(20_782, file)],
        add_runs: vec![SeriesRun {
            file: FileNumber(file + 1),
            series: 7,
        }],
        add_tombstones: vec![tombstone(file * 10 + 9, [1, 5, 100_000])],
        flushed: Some(Sequence(file * 10 + 9)),
        next_series: Some(u32::try_from(file).unwrap() * 100),
        next_metric: Some(u32::try_from(file).unwrap()),
        next_file: Some(file + 2),
        ..Edit::default()
    }
}

/// The edit of a compaction of two flushes.
fn compaction(a: u64, b: u64, to: u64) -> Edit {
    Edit {
        add_blocks: vec![block(20_782, to)],
        remove_blocks: vec![FileNumber(a), FileNumber(b)],
        remove_runs: vec![FileNumber(a + 1)],
        remove_tombstones: vec![Sequence(a * 10 + 9)],
        next_file: Some(to + 1),
        ..Edit::default()
    }
}

fn torn(group: u64, bytes: u64) -> Edit {
    Edit {
        dropped_tail: Some(DroppedTail {
            group,
            segment: FileNumber(1),
            offset: 512,
            bytes,
        }),
        ..Edit::default()
    }
}

fn history() -> Vec<Edit> {
    vec![
        flush(1),
        flush(3),
        torn(8, 600),
        compaction(1, 3, 5),
        flush(6),
        flush(8),
        torn(9, 40),
        compaction(6, 8, 10),
        flush(11),
    ]
}

fn manifests(disk: &SimDisk) -> Vec<String> {
    disk.list(Path::new(file_names::MANIFEST)).unwrap()
}

#[test]
fn every_version_is_read_back_as_it_was_published() {
    let disk = SimDisk::new();
    let mut manifest = open(&disk).unwrap();
    assert!(manifest.report().is_new);
    for edit in history() {
        let published = manifest.publish(edit).unwrap();
        let again = open(&disk.image(7)).unwrap();
        assert_eq!(again.version(), published);
        assert!(!again.report().is_new);
        assert_eq!(manifests(&disk).len(), 1, "older files are gone");
    }
    let version = manifest.version();
    assert_eq!(
        version.blocks,
        [block(20_782, 5), block(20_782, 10), block(20_782, 11)]
    );
    assert_eq!(version.flushed, Sequence(119));
    assert_eq!(
        (version.next_series, version.next_metric, version.next_file),
        (1_100, 11, 13)
    );
    let dropped = DroppedTails {
        count: 2,
        bytes: 640,
        last_group: 9,
    };
    assert_eq!(version.dropped, dropped);
}

#[test]
fn an_open_writes_nothing_before_the_first_edit() {
    let disk = SimDisk::new();
    let mut manifest = open(&disk).unwrap();
    assert!(manifests(&disk).is_empty());
    manifest.publish(flush(1)).unwrap();
    let before = manifests(&disk);
    let mut again = open(&disk).unwrap();
    assert_eq!(manifests(&disk), before);
    again.publish(flush(3)).unwrap();
    assert_ne!(manifests(&disk), before, "a start goes on in a new file");
}

#[test]
fn the_same_torn_tail_counts_once() {
    let disk = SimDisk::new();
    let mut manifest = open(&disk).unwrap();
    manifest.publish(torn(0, 10)).unwrap();
    let twice = manifest.publish(torn(0, 10)).unwrap();
    assert_eq!((twice.dropped.count, twice.dropped.bytes), (1, 10));
}

#[test]
fn an_edit_costs_one_write_and_one_sync() {
    let disk = SimDisk::new();
    let mut manifest = open(&disk).unwrap();
    manifest.publish(flush(1)).unwrap();
    let before = disk.operations();
    manifest.publish(flush(3)).unwrap();
    assert_eq!(disk.operations() - before, 2);
}

#[test]
fn edits_that_contradict_the_version_are_refused_and_change_nothing() {
    let disk = SimDisk::new();
    let mut manifest = open(&disk).unwrap();
    let version = manifest.publish(flush(3)).unwrap();
    let same_file = Edit {
        add_blocks: vec![block(20_000, 4)],
        ..Edit::default()
    };
    let back = Edit {
        flushed: Some(Sequence(1)),
        ..Edit::default()
    };
    let no_tombstone = Edit {
        add_blocks: vec![block(20_000, 9)],
        remove_tombstones: vec![Sequence(1)],
        ..Edit::default()
    };
    let no_run = Edit {
        remove_runs: vec![FileNumber(3)],
        ..Edit::default()
    };
    for edit in [
        flush(3),
        same_file,
        back,
        no_tombstone,
        no_run,
        compaction(1, 3, 9),
    ] {
        let refused = manifest.publish(edit).unwrap_err();
        assert_eq!(refused.kind(), ManifestErrorKind::Misuse, "{refused}");
    }
    assert_eq!(manifest.version(), version);
    assert_eq!(open(&disk.image(1)).unwrap().version(), version);
}

#[test]
fn published_edits_survive_a_crash_at_every_operation() {
    for crash in 0.. {
        let disk = SimDisk::new();
        disk.crash_at(crash);
        let mut published = Arc::new(Version::default());
        let mut in_flight = Version::default();
        let outcome = open(&disk).and_then(|mut manifest| {
            for edit in history() {
                in_flight = Version::clone(&published);
                for item in edit.clone().into_items(&published) {
                    in_flight.apply(&item).unwrap();
                }
                published = manifest.publish(edit)?;
            }
            Ok(())
        });
        for seed in 0..6 {
            let left = if seed == 0 {
                disk.killed()
            } else {
                disk.image(seed)
            };
            let mut again = open(&left).unwrap();
            let found = again.version();
            assert!(*found == *published || *found == in_flight, "{found:?}");
            let next = again.publish(torn(crash + 100, 1)).unwrap();
            assert_eq!(open(&left.image(seed)).unwrap().version(), next);
        }
        if outcome.is_ok() {
            return;
        }
    }
}

#[test]
fn a_version_that_was_read_is_durable() {
    let disk = SimDisk::new();
    let mut manifest = open(&disk).unwrap();
    manifest.publish(flush(1)).unwrap();
    disk.crash_at(disk.operations() + 1);
    manifest.publish(flush(3)).unwrap_err();
    let killed = disk.killed();
    let read = open(&killed).unwrap().version();
    assert_eq!(
        read.blocks.len(),
        2,
        "written, not synced, still in the page cache"
    );
    for seed in 0..20 {
        assert_eq!(open(&killed.image(seed)).unwrap().version(), read);
    }
}

#[test]
fn a_full_disk_refuses_an_edit_and_the_next_one_goes_to_a_new_file() {
    let disk = SimDisk::new();
    let mut manifest = open(&disk).unwrap();
    let version = manifest.publish(flush(1)).unwrap();
    let before = manifests(&disk);
    disk.set_full(true);
    for _ in 0..2 {
        let refused = manifest.publish(flush(3)).unwrap_err();
        assert_eq!(refused.kind(), ManifestErrorKind::NoSpace);
        assert_eq!(manifest.version(), version);
    }
    disk.set_full(false);
    let version = manifest.publish(flush(3)).unwrap();
    assert_ne!(manifests(&disk), before);
    assert_eq!(open(&disk.image(1)).unwrap().version(), version);
}

#[test]
fn after_a_failed_write_or_sync_the_manifest_takes_nothing_more() {
    for operation in [FileOp::Write, FileOp::Sync] {
        let disk = SimDisk::new();
        let mut manifest = open(&disk).unwrap();
        manifest.publish(flush(1)).unwrap();
        disk.fail_next(operation, io::ErrorKind::Other);
        let failed = manifest.publish(flush(3)).unwrap_err();
        assert_eq!(failed.kind(), ManifestErrorKind::Fatal);
        assert!(matches!(
            manifest.publish(flush(3)),
            Err(ManifestError::Failed)
        ));
    }
}

/// A manifest of a version and two edits, and what holds before the last of them.
fn three_frames() -> (SimDisk, Arc<Version>, Arc<Version>) {
    let disk = SimDisk::new();
    let mut manifest = open(&disk).unwrap();
    manifest.publish(flush(1)).unwrap();
    let before = manifest.publish(flush(3)).unwrap();
    let after = manifest.publish(compaction(1, 3, 5)).unwrap();
    (disk, before, after)
}

#[test]
fn every_flipped_bit_is_reported() {
    let (disk, before, _) = three_frames();
    let path = file_names::manifest(FileNumber(1));
    let length = disk.open(&path).unwrap().len().unwrap();
    for offset in 0..length {
        let damaged = disk.killed();
        damaged.corrupt(&path, offset, 1 << (offset % 8)).unwrap();
        match open(&damaged) {
            Err(error) => assert_eq!(error.kind(), ManifestErrorKind::Corrupt, "{offset}"),
            Ok(manifest) => {
                assert_eq!(manifest.version(), before, "{offset}");
                assert!(manifest.report().dropped_bytes > 0);
            }
        }
    }
}

#[test]
fn a_manifest_cut_short_loses_its_last_edit_and_says_so() {
    let (disk, before, after) = three_frames();
    let path = file_names::manifest(FileNumber(1));
    let file = disk.open(&path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    for cut in 0..=bytes.len() {
        match Content::parse(&bytes[..cut], FileNumber(1)) {
            Err(error) => assert_eq!(error.kind(), ManifestErrorKind::Corrupt),
            Ok(content) if cut == bytes.len() => assert_eq!(content.version, *after),
            Ok(content) if content.edits == 1 => assert_eq!(content.version, *before),
            Ok(content) => assert_eq!(content.edits, 0),
        }
    }
}

#[test]
fn another_version_is_told_from_damage() {
    let mut bytes = file::header();
    bytes[8] = 2;
    let checksum = crate::codec::checksum::Checksum::of(&bytes[..12]).to_bytes();
    bytes[12..].copy_from_slice(&checksum);
    let refused = Content::parse(&bytes, FileNumber(1)).unwrap_err();
    assert!(matches!(refused, ManifestError::Version { version: 2, .. }));
}

#[test]
fn the_format_is_the_one_of_the_golden_file() {
    let golden = include_bytes!("../../tests/golden/manifest-v1.bin");
    let disk = SimDisk::new();
    let mut manifest = open(&disk).unwrap();
    manifest.publish(flush(1)).unwrap();
    manifest.publish(flush(3)).unwrap();
    manifest.publish(torn(8, 600)).unwrap();
    let version = manifest.publish(compaction(1, 3, 5)).unwrap();
    let file = disk.open(&file_names::manifest(FileNumber(1))).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert!(bytes == golden, "{bytes:02x?}");
    let read = Content::parse(golden, FileNumber(1)).unwrap();
    assert_eq!((&read.version, read.edits), (&*version, 3));
}

proptest! {
    #[test]
    fn tombstones_of_any_series_come_back(
        series in proptest::collection::btree_set(any::<u32>(), 0..200),
        sequence in any::<u64>(),
    ) {
        let disk = SimDisk::new();
        let mut manifest = open(&disk).unwrap();
        let edit = Edit {
            add_tombstones: vec![tombstone(sequence, series)],
            ..Edit::default()
        };
        let version = manifest.publish(edit).unwrap();
        prop_assert_eq!(open(&disk).unwrap().version(), version);
    }

    #[test]
    fn bytes_of_no_manifest_are_read_without_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        with_header in any::<bool>(),
    ) {
        let start = if with_header { file::header() } else { Vec::new() };
        Content::parse(&[start, bytes].concat(), FileNumber(1)).ok();
    }

    #[test]
    fn items_of_damaged_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        item::Item::decode(&mut crate::codec::input::Input::new(&bytes)).ok();
    }
}

#[test]
fn files_that_no_version_names_are_found_and_unfinished_ones_removed() {
    let disk = SimDisk::new();
    assert!(
        orphans::orphans(&disk, &Version::default())
            .unwrap()
            .is_empty()
    );
    let paths = [
        file_names::block(Day::from_number(20_782), FileNumber(1)),
        file_names::block(Day::from_number(20_782), FileNumber(9)),
        file_names::temporary(&file_names::block(Day::from_number(20_783), FileNumber(10))),
        file_names::series_run(FileNumber(2)),
        file_names::series_run(FileNumber(8)),
        Path::new(file_names::SERIES).join("notes.txt"),
    ];
    for path in &paths {
        disk.create_dir(path.parent().unwrap()).unwrap();
        disk.create(path).unwrap();
    }
    let version = open(&disk).unwrap().publish(flush(1)).unwrap();
    assert_eq!(
        orphans::remove_unfinished(&disk).unwrap(),
        [paths[2].clone()]
    );
    let found = orphans::orphans(&disk, &version).unwrap();
    let expected = [
        orphans::Orphan::SeriesRun {
            path: paths[4].clone(),
            file: FileNumber(8),
        },
        orphans::Orphan::Unknown {
            path: paths[5].clone(),
        },
        orphans::Orphan::Block {
            path: paths[1].clone(),
            file: FileNumber(9),
        },
    ];
    assert_eq!(found, expected);
}
