use super::*;

mod properties;

const HOUR: i64 = 3_600_000;

fn hash(n: u8) -> KeyHash {
    KeyHash::of(&[n])
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// `(1, None)` is key 1 without an end.
fn keys(of: &[(u8, Option<i64>)]) -> Vec<LedgerKey> {
    let key = |(n, end): &(u8, Option<i64>)| LedgerKey {
        hash: hash(*n),
        not_after: end.map(at),
    };
    of.iter().map(key).collect()
}

fn hand_out(n: u8) -> Step {
    Step::HandOut(HandOut {
        key: hash(n),
        announce: false,
    })
}

fn at_rest(recorded: &[LedgerKey], held: u8) -> Situation<'_> {
    Situation {
        recorded,
        held: Some(hash(held)),
        is_announced: true,
        has_secret: true,
        candidate: None,
        due: false,
        overlap: Span::from_hours(1),
        settled: true,
        now: at(0),
    }
}

#[test]
fn a_first_key_is_drawn_loaded_and_handed_out() {
    let nothing = Situation {
        held: None,
        is_announced: false,
        has_secret: false,
        ..at_rest(&[], 0)
    };
    assert_eq!(plan(nothing).step, Step::Draw);
    let drawn = Situation {
        candidate: Some(Candidate::Drawn(hash(1))),
        ..nothing
    };
    let planned = plan(drawn);
    assert_eq!(planned.keys, keys(&[(1, None)]));
    assert_eq!(planned.step, hand_out(1));
    assert_eq!(plan(at_rest(&planned.keys, 1)).step, Step::Settled);
}

#[test]
fn the_old_key_gets_its_end_only_when_the_secret_holds_the_new_one() {
    let one = keys(&[(1, None)]);
    let due = Situation {
        due: true,
        ..at_rest(&one, 1)
    };
    assert_eq!(plan(due).step, Step::Draw);
    let drawn = Situation {
        candidate: Some(Candidate::Drawn(hash(2))),
        ..due
    };
    let two = plan(drawn);
    assert_eq!(two.keys, keys(&[(1, None), (2, None)]));
    assert_eq!(two.step, hand_out(2));
    let handed_out = plan(at_rest(&two.keys, 2));
    assert_eq!(handed_out.keys, keys(&[(1, Some(HOUR)), (2, None)]));
    assert_eq!(handed_out.step, Step::Settled);
    let later = |now| Situation {
        now: at(now),
        ..at_rest(&handed_out.keys, 2)
    };
    let just_before = plan(later(HOUR - 1));
    assert_eq!(just_before.keys, handed_out.keys, "an end is set once");
    assert_eq!(plan(later(HOUR)).keys, keys(&[(2, None)]));
}

#[test]
fn an_edited_or_lost_secret_gets_a_new_key_beside_the_old_one() {
    let one = keys(&[(1, None)]);
    for held in [None, Some(hash(9))] {
        let lost = Situation {
            held,
            ..at_rest(&one, 1)
        };
        assert_eq!(plan(lost).step, Step::Draw);
        assert_eq!(plan(lost).keys, one, "it may be in use");
    }
}

#[test]
fn a_key_that_was_put_back_lives_on_if_it_is_still_taken() {
    let dying = keys(&[(1, Some(HOUR)), (2, None)]);
    let planned = plan(at_rest(&dying, 1));
    assert_eq!(planned.step, Step::Settled);
    assert_eq!(planned.keys, keys(&[(1, None), (2, Some(HOUR))]));
    let too_late = Situation {
        now: at(HOUR),
        ..at_rest(&dying, 1)
    };
    assert_eq!(plan(too_late).step, Step::Draw);
}

#[test]
fn a_key_that_the_user_brings_is_taken_as_it_comes_and_goes() {
    let one = keys(&[(1, None)]);
    let other = Situation {
        candidate: Some(Candidate::Brought(hash(2))),
        due: true,
        ..at_rest(&one, 1)
    };
    let planned = plan(other);
    assert_eq!(planned.step, hand_out(2));
    let two = plan(Situation {
        recorded: &planned.keys,
        held: Some(hash(2)),
        ..other
    });
    assert_eq!(two.step, Step::Settled, "schedules are for drawn keys");
    assert_eq!(two.keys, keys(&[(1, Some(HOUR)), (2, None)]));
    let back = plan(Situation {
        recorded: &two.keys,
        held: Some(hash(2)),
        candidate: Some(Candidate::Brought(hash(1))),
        ..other
    });
    assert_eq!(back.keys, keys(&[(1, None), (2, None)]));
    assert_eq!(back.step, hand_out(1));
}

#[test]
fn orphans_go_when_no_former_leader_can_hand_them_out() {
    let full = keys(&[(1, None), (2, None), (3, None), (4, None)]);
    let due = Situation {
        due: true,
        settled: false,
        ..at_rest(&full, 1)
    };
    assert_eq!(plan(due).step, Step::Full(None));
    assert_eq!(plan(due).keys, full);
    let settled = plan(Situation {
        settled: true,
        ..due
    });
    assert_eq!(settled.step, Step::Draw);
    assert_eq!(
        settled.keys,
        keys(&[(1, None), (2, None), (3, None), (4, Some(0))])
    );
}

#[test]
fn a_first_key_beside_orphans_is_announced() {
    let orphan = keys(&[(1, None)]);
    let planned = plan(Situation {
        held: None,
        is_announced: false,
        has_secret: false,
        candidate: Some(Candidate::Drawn(hash(2))),
        ..at_rest(&orphan, 1)
    });
    let expected = HandOut {
        key: hash(2),
        announce: true,
    };
    assert_eq!(planned.step, Step::HandOut(expected));
}

#[test]
fn the_old_key_gets_no_end_while_a_former_leader_may_put_it_back() {
    let two = keys(&[(1, None), (2, None)]);
    let new_leader = Situation {
        settled: false,
        ..at_rest(&two, 2)
    };
    assert_eq!(plan(new_leader).step, Step::Settling);
    assert_eq!(plan(new_leader).keys, two);
}

#[test]
fn keys_in_use_are_waited_for() {
    let full = keys(&[(1, Some(3)), (2, Some(2)), (3, Some(9)), (4, None)]);
    let due = Situation {
        due: true,
        ..at_rest(&full, 4)
    };
    assert_eq!(plan(due).step, Step::Full(Some(at(2))));
    let freed = plan(Situation { now: at(2), ..due });
    assert_eq!(freed.step, Step::Draw);
    assert_eq!(freed.keys, keys(&[(1, Some(3)), (3, Some(9)), (4, None)]));
}

#[test]
fn a_secret_lost_again_and_again_waits_too() {
    let full = keys(&[(1, None), (2, None), (3, None), (4, None)]);
    let lost = Situation {
        held: None,
        ..at_rest(&full, 1)
    };
    let waiting = plan(lost);
    assert_eq!(waiting.step, Step::Full(Some(at(HOUR))));
    assert!(
        waiting
            .keys
            .iter()
            .all(|key| key.not_after == Some(at(HOUR)))
    );
    let never_written = Situation {
        is_announced: false,
        has_secret: false,
        ..lost
    };
    assert_eq!(plan(never_written).step, Step::Draw);
}
