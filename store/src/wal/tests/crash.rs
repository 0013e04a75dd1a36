//! Histories that are cut short after every file operation.

use super::*;

/// One step of a history.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Write a group of so many records.
    Write(u64),
    /// Blocks now have all but so many of the last records.
    Release(u64),
    /// Make a segment ahead.
    Prepare,
    /// Stop and start again, the page cache kept.
    Reopen,
}

/// What the caller of the log knows, and what the manifest would.
#[derive(Debug, Default)]
struct Told {
    acknowledged: BTreeMap<u64, u64>,
    /// The group whose write has not returned.
    in_flight: BTreeMap<u64, u64>,
    flushed: u64,
}

/// Runs a history until it is over or the disk crashes.
fn run(disk: &mut SimDisk, steps: &[Step], told: &mut Told, salt: u64) -> Result<(), WalError> {
    let mut log = Log::open(disk, told.flushed)?;
    for (at, step) in (salt..).zip(steps) {
        match *step {
            Step::Write(count) => {
                let contents: Vec<u64> = (0..count).map(|n| at * 10 + n).collect();
                told.in_flight = (log.next()..).zip(contents.iter().copied()).collect();
                log.write(&contents)?;
                told.acknowledged.append(&mut told.in_flight);
            }
            Step::Release(but) => {
                told.flushed = told.flushed.max(log.wal.last().0.saturating_sub(but));
                log.wal.release(Sequence(told.flushed))?;
            }
            Step::Prepare => {
                log.wal.pool().prepare()?;
            }
            Step::Reopen => {
                log = Log::open(disk, told.flushed)?;
            }
        }
    }
    Ok(())
}

/// Opens the disk that was left and compares it with what the caller was told.
fn check(disk: &SimDisk, told: &mut Told) {
    let log = Log::open(disk, told.flushed).unwrap();
    let expected = |held: &BTreeMap<u64, u64>| -> BTreeMap<u64, u64> {
        held.range(told.flushed + 1..)
            .map(|(k, v)| (*k, *v))
            .collect()
    };
    let without = expected(&told.acknowledged);
    let mut with = told.acknowledged.clone();
    with.append(&mut told.in_flight.clone());
    let with = expected(&with);
    assert!(log.held == without || log.held == with, "{log:?}\n{told:?}");
    if log.held != without {
        assert_eq!(log.report.dropped_tail, None);
    }
    told.acknowledged.extend(log.held);
    told.in_flight.clear();
}

fn crash_everywhere(steps: &[Step]) {
    for crash in 0.. {
        let mut disk = SimDisk::new();
        disk.crash_at(crash);
        let mut told = Told::default();
        let outcome = run(&mut disk, steps, &mut told, 1);
        for seed in 0..4 {
            let left = if seed == 0 {
                disk.killed()
            } else {
                disk.image(crash * 4 + seed)
            };
            go_on_from(left, &told);
        }
        if outcome.is_ok() {
            return;
        }
    }
}

/// After the crash the log must go on, crash once more, and go on again.
fn go_on_from(mut disk: SimDisk, told: &Told) {
    let mut told = Told {
        acknowledged: told.acknowledged.clone(),
        in_flight: told.in_flight.clone(),
        flushed: told.flushed,
    };
    check(&disk, &mut told);
    let more = [
        Step::Write(2),
        Step::Reopen,
        Step::Write(1),
        Step::Release(1),
        Step::Write(3),
    ];
    disk.crash_at(5 + told.acknowledged.len() as u64 % 9);
    run(&mut disk, &more, &mut told, 1_000).ok();
    let disk = disk.image(told.flushed);
    check(&disk, &mut told);
    check(&disk, &mut told);
}

#[test]
fn acknowledged_groups_survive_a_crash_at_every_operation() {
    crash_everywhere(&[
        Step::Prepare,
        Step::Write(3),
        Step::Write(5),
        Step::Write(2),
        Step::Prepare,
        Step::Write(6),
        Step::Release(3),
        Step::Write(6),
        Step::Write(6),
        Step::Reopen,
        Step::Write(4),
        Step::Release(0),
        Step::Write(5),
        Step::Write(5),
        Step::Release(2),
        Step::Write(6),
        Step::Write(1),
    ]);
}

#[test]
fn recycled_segments_survive_a_crash_at_every_operation() {
    let mut steps = vec![Step::Write(6); 6];
    for _ in 0..8 {
        steps.extend([Step::Release(4), Step::Write(6), Step::Write(5)]);
    }
    crash_everywhere(&steps);
}

#[test]
fn starts_without_a_write_between_them_survive_a_crash_at_every_operation() {
    crash_everywhere(&[
        Step::Reopen,
        Step::Write(1),
        Step::Reopen,
        Step::Reopen,
        Step::Write(2),
        Step::Release(0),
        Step::Reopen,
        Step::Write(2),
    ]);
}
