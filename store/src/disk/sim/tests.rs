use super::*;

fn file(disk: &SimDisk, path: &str) -> Arc<dyn DiskFile> {
    disk.create_dir(directory_of(Path::new(path))).unwrap();
    disk.create(Path::new(path)).unwrap()
}

fn content(disk: &SimDisk, path: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(Path::new(path))?;
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[test]
fn what_was_synced_is_in_every_image() {
    let disk = SimDisk::new();
    let file = file(&disk, "d/f");
    file.write_all_at(&[1; 2_000], 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("d")).unwrap();
    for seed in 0..50 {
        assert_eq!(content(&disk.image(seed), "d/f").unwrap(), [1; 2_000]);
    }
}

#[test]
fn unsynced_sectors_are_kept_lost_or_torn_each_for_itself() {
    let disk = SimDisk::new();
    let file = file(&disk, "d/f");
    file.write_all_at(&[1; 1_024], 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("d")).unwrap();
    file.write_all_at(&[2; 1_024], 0).unwrap();
    let images: BTreeSet<Vec<u8>> = (0..100)
        .map(|seed| content(&disk.image(seed), "d/f").unwrap())
        .collect();
    let is = |image: &Vec<u8>, first: u8, second: u8| {
        image[..512].iter().all(|b| *b == first) && image[512..].iter().all(|b| *b == second)
    };
    for (first, second) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        assert!(images.iter().any(|image| is(image, first, second)));
    }
    assert!(images.len() > 4, "some sectors are torn");
    assert_eq!(content(&disk.killed(), "d/f").unwrap(), [2; 1_024]);
}

#[test]
fn names_become_durable_in_the_order_of_their_directory() {
    let disk = SimDisk::new();
    file(&disk, "d/a");
    disk.rename(Path::new("d/a"), Path::new("d/b")).unwrap();
    file(&disk, "d/c");
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        seen.insert(disk.image(seed).list(Path::new("d")).unwrap());
    }
    let expected: [&[&str]; 4] = [&[], &["a"], &["b"], &["b", "c"]];
    assert_eq!(seen.len(), expected.len());
    for names in expected {
        assert!(seen.iter().any(|have| have == names), "{names:?}");
    }
}

#[test]
fn from_the_crash_on_everything_fails() {
    let disk = SimDisk::new();
    let file = file(&disk, "d/f");
    disk.crash_at(disk.operations() + 1);
    file.write_all_at(b"x", 0).unwrap();
    assert_eq!(file.sync_data().unwrap_err().to_string(), "crashed");
    assert!(file.len().is_err());
    assert!(disk.list(Path::new("d")).is_err());
}

#[test]
fn a_failed_sync_loses_what_it_covered_for_ever() {
    let disk = SimDisk::new();
    let file = file(&disk, "d/f");
    disk.sync_dir(Path::new("d")).unwrap();
    file.write_all_at(b"old", 0).unwrap();
    file.sync_data().unwrap();
    file.write_all_at(b"new", 0).unwrap();
    disk.fail_next(FileOp::Sync, io::ErrorKind::Other);
    file.sync_data().unwrap_err();
    file.sync_data().unwrap();
    assert_eq!(content(&disk, "d/f").unwrap(), b"new");
    assert_eq!(content(&disk.image(1), "d/f").unwrap(), b"old");
}

#[test]
fn a_full_disk_refuses_to_grow_and_still_overwrites() {
    let disk = SimDisk::new();
    let file = file(&disk, "d/f");
    file.write_all_at(b"abc", 0).unwrap();
    disk.set_full(true);
    file.write_all_at(b"xyz", 0).unwrap();
    for error in [
        file.write_all_at(b"xyz", 1).unwrap_err(),
        disk.create(Path::new("d/g")).unwrap_err(),
    ] {
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
    assert_eq!(disk.free_space().unwrap().free, 0);
    disk.set_full(false);
    disk.create(Path::new("d/g")).unwrap();
}

#[test]
fn a_flipped_byte_stays_flipped() {
    let disk = SimDisk::new();
    let file = file(&disk, "d/f");
    file.write_all_at(&[0; 4], 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("d")).unwrap();
    disk.corrupt(Path::new("d/f"), 2, 0x80).unwrap();
    assert_eq!(content(&disk.image(0), "d/f").unwrap(), [0, 0, 0x80, 0]);
    disk.corrupt(Path::new("d/f"), 4, 1).unwrap_err();
}

#[test]
fn a_lock_is_held_by_one() {
    let disk = SimDisk::new();
    let held = disk.lock(Path::new("LOCK")).unwrap();
    assert!(disk.lock(Path::new("LOCK")).is_err());
    drop(held);
    disk.lock(Path::new("LOCK")).unwrap();
}
