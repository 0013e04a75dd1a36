use std::net::IpAddr;

use penstock_tenancy::{Ledger, TokenState};

use super::*;
use crate::ledger_fixture::{application, tenant, token, token_id, waker};
use crate::propagation::PodFacts;
use crate::publisher::merge::{Moment, merge};

const WALL: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn upsert(number: u64) -> Change {
    Change::Token {
        tenant: tenant(1),
        token: token(number),
    }
}

fn revoke(number: u64) -> Change {
    let mut token = token(number);
    token.state = TokenState::Revoked;
    Change::Token {
        tenant: tenant(1),
        token,
    }
}

fn pods(names: &[(&str, bool)]) -> Vec<PodFacts> {
    let pod = |(name, ready): &(&str, bool)| PodFacts {
        name: (*name).to_owned(),
        address: Some(IpAddr::from([127, 0, 0, 1])),
        ready: *ready,
        incarnation: "1".to_owned(),
    };
    names.iter().map(pod).collect()
}

/// A desk with one application at revision 1, and one Ready pod that has it.
fn desk() -> Desk {
    let mut ledger = Ledger {
        revision: 1,
        replicas: 1,
        applications: vec![application(1)],
        ..Ledger::default()
    };
    ledger.applications[0].tokens = vec![token(1)];
    let mut desk = Desk::new(Arc::new(Committed::new(Arc::new(ledger))));
    desk.roster.set(pods(&[("a", true)]), at(0));
    desk.roster.confirm("a", "1", 1);
    desk
}

/// Puts all that is staged into the next revision.
fn write(desk: &mut Desk, now: Duration) -> (u64, Outcome) {
    let taken = desk.take();
    let changes: Vec<&Change> = taken.iter().map(|(_, change)| change).collect();
    let moment = Moment {
        now: WALL,
        reported: None,
        must_differ: false,
    };
    let (ledger, refused) = merge(&desk.committed, &changes, None, moment);
    let refused = refused
        .into_iter()
        .map(|(place, why)| (taken[place].0, why))
        .collect();
    let committed = ledger.map_or_else(
        || Arc::clone(&desk.committed),
        |ledger| Arc::new(Committed::new(Arc::new(ledger))),
    );
    let revision = committed.revision();
    (revision, desk.written(committed, refused, now))
}

fn woken(outcome: &Outcome) -> Vec<WakeKey> {
    outcome.wake.iter().cloned().collect()
}

#[test]
fn a_change_goes_from_staged_to_loaded_and_its_object_is_woken_once() {
    let mut desk = desk();
    assert!(desk.stage(waker(2), upsert(2), WALL, at(0)));
    assert_eq!(desk.progress(&upsert(2), WALL, at(0)), Reach::Staged);
    let (revision, outcome) = write(&mut desk, at(20));
    assert_eq!(woken(&outcome), []);
    assert_eq!(
        desk.progress(&upsert(2), WALL, at(21)),
        Reach::Telling { revision }
    );
    assert_eq!(woken(&desk.settle(at(22))), []);
    desk.roster.confirm("a", "1", revision);
    let outcome = desk.settle(at(50));
    assert_eq!(
        (woken(&outcome), outcome.seconds),
        (vec![waker(2)], vec![at(50)])
    );
    let loaded = Reach::All {
        revision,
        pods: 1,
        of: 1,
        seconds: Some(at(50)),
    };
    assert_eq!(desk.progress(&upsert(2), WALL, at(60)), loaded);
    assert_eq!(woken(&desk.settle(at(70))), []);
    desk.roster.set(pods(&[("a", true), ("b", false)]), at(80));
    assert_eq!(
        desk.progress(&upsert(2), WALL, at(90)),
        loaded,
        "it stays so"
    );
}

#[test]
fn what_the_ledger_says_already_is_not_written_and_is_loaded_when_the_pods_have_it() {
    let mut desk = desk();
    assert!(!desk.stage(waker(1), upsert(1), WALL, at(0)));
    assert_eq!(desk.take(), []);
    let loaded = |pods| Reach::All {
        revision: 1,
        pods,
        of: 1,
        seconds: None,
    };
    assert_eq!(desk.progress(&upsert(1), WALL, at(0)), loaded(1));
    // A new leader knows of no pod yet.
    let mut desk = Desk::new(Arc::clone(desk.committed()));
    assert!(!desk.stage(waker(1), upsert(1), WALL, at(0)));
    assert_eq!(
        desk.progress(&upsert(1), WALL, at(0)),
        Reach::NoPods { revision: 1 }
    );
    desk.roster.set(pods(&[("a", true)]), at(1));
    desk.roster.confirm("a", "1", 1);
    assert_eq!(woken(&desk.settle(at(2))), [waker(1)]);
    assert_eq!(desk.progress(&upsert(1), WALL, at(3)), loaded(1));
}

#[test]
fn a_later_revision_carries_the_earlier_ones_and_a_slow_pod_holds_back_nobody() {
    let mut desk = desk();
    desk.roster.set(pods(&[("a", true), ("b", true)]), at(0));
    desk.stage(waker(2), upsert(2), WALL, at(0));
    let (first, _) = write(&mut desk, at(1));
    desk.stage(waker(1), revoke(1), WALL, at(2));
    assert!(desk.is_urgent());
    let (second, _) = write(&mut desk, at(3));
    assert!(second > first);
    desk.roster.confirm("a", "1", second);
    assert_eq!(woken(&desk.settle(at(4))), []);
    desk.roster.confirm("b", "1", second);
    assert_eq!(woken(&desk.settle(at(5))), [waker(1), waker(2)]);
}

#[test]
fn a_key_waits_for_ready_pods_and_a_revocation_for_all() {
    let mut desk = desk();
    desk.roster
        .set(pods(&[("a", true), ("broken", false)]), at(0));
    desk.stage(waker(2), upsert(2), WALL, at(0));
    desk.stage(waker(1), revoke(1), WALL, at(0));
    let (revision, _) = write(&mut desk, at(0));
    desk.roster.confirm("a", "1", revision);
    assert_eq!(
        woken(&desk.settle(at(29_999))),
        [waker(1), waker(2)],
        "told that it waits"
    );
    assert_eq!(desk.next_deadline(at(29_999)), Some(at(30_000)));
    assert_eq!(woken(&desk.settle(at(30_000))), [waker(2)]);
    let waiting = Reach::Waiting {
        revision,
        pods: 1,
        of: 2,
        missing: vec!["broken".to_owned()],
    };
    assert_eq!(desk.progress(&revoke(1), WALL, at(30_000)), waiting);
    desk.roster.set(pods(&[("a", true)]), at(40_000));
    assert_eq!(woken(&desk.settle(at(40_000))), [waker(1)], "it is gone");
}

#[test]
fn who_waits_is_told_after_five_seconds_and_when_other_pods_are_missing() {
    let mut desk = desk();
    desk.roster.set(pods(&[("a", true), ("b", true)]), at(0));
    desk.stage(waker(2), upsert(2), WALL, at(0));
    let (revision, _) = write(&mut desk, at(0));
    assert_eq!(desk.next_deadline(at(0)), Some(at(5_000)));
    assert_eq!(woken(&desk.settle(at(4_999))), []);
    assert_eq!(woken(&desk.settle(at(5_000))), [waker(2)]);
    assert_eq!(woken(&desk.settle(at(6_000))), []);
    desk.roster.confirm("b", "1", revision);
    assert_eq!(woken(&desk.settle(at(7_000))), [waker(2)]);
    assert_eq!(woken(&desk.settle(at(8_000))), []);
}

#[test]
fn nothing_is_removed_before_absence_may_be_believed() {
    let mut desk = desk();
    assert!(!desk.stage(waker(1), Change::RemoveToken(token_id(1)), WALL, at(0)));
    assert_eq!(desk.take(), []);
    desk.allow_removals();
    assert_eq!(desk.take().len(), 1);
}

#[test]
fn a_change_of_mind_is_one_change() {
    let mut desk = desk();
    let mut paused = application(1);
    paused.paused = true;
    desk.stage(waker(9), Change::Application(paused.clone()), WALL, at(0));
    assert!(!desk.stage(waker(9), Change::Application(application(1)), WALL, at(1)));
    assert_eq!(desk.take(), [], "back to what is written");
    desk.stage(waker(9), Change::Application(paused.clone()), WALL, at(2));
    assert_eq!(desk.take().len(), 1);
    assert!(
        !desk.stage(waker(9), Change::Application(paused), WALL, at(3)),
        "in flight"
    );
    assert!(desk.stage(waker(9), Change::Application(application(1)), WALL, at(4)));
    assert_eq!(desk.take().len(), 1);
}

#[test]
fn a_token_may_be_staged_with_its_application() {
    let mut desk = desk();
    let of = |number| Change::Token {
        tenant: tenant(2),
        token: token(number),
    };
    assert!(!desk.stage(waker(5), of(5), WALL, at(0)));
    assert_eq!(
        desk.progress(&of(5), WALL, at(0)),
        Reach::Refused(Refused::NoApplication.to_string())
    );
    desk.stage(waker(2), Change::Application(application(2)), WALL, at(0));
    assert!(desk.stage(waker(6), of(6), WALL, at(0)));
    assert_eq!(desk.progress(&of(6), WALL, at(0)), Reach::Staged);
    let (_, outcome) = write(&mut desk, at(1));
    assert_eq!(woken(&outcome), [waker(5)], "it would wait for ever");
    assert!(
        desk.stage(waker(5), of(5), WALL, at(2)),
        "there is an application now"
    );
    let (_, outcome) = write(&mut desk, at(3));
    assert_eq!(woken(&outcome), [], "it is told once");
}

#[test]
fn what_does_not_fit_is_told_once_and_tried_with_the_next_ledger() {
    let mut desk = desk();
    desk.stage(waker(2), upsert(2), WALL, at(0));
    let taken = desk.take();
    let full = Refused::TooLarge { bytes: 2, max: 1 };
    let committed = Arc::clone(desk.committed());
    let outcome = desk.written(committed, vec![(taken[0].0, full.clone())], at(1));
    assert_eq!(woken(&outcome), [waker(2)]);
    assert!(
        !desk.stage(waker(2), upsert(2), WALL, at(2)),
        "it would only go round"
    );
    assert_eq!(
        desk.progress(&upsert(2), WALL, at(2)),
        Reach::Refused(full.to_string())
    );
    desk.stage(waker(1), revoke(1), WALL, at(3));
    write(&mut desk, at(4));
    assert!(desk.stage(waker(2), upsert(2), WALL, at(5)));
}

#[test]
fn ten_thousand_tokens_are_staged_written_and_woken_once_each() {
    let mut desk = desk();
    for number in 0..10_000 {
        desk.stage(waker(number), upsert(10_000 + number), WALL, at(0));
    }
    let (revision, _) = write(&mut desk, at(1));
    desk.roster.confirm("a", "1", revision);
    assert_eq!(desk.settle(at(2)).wake.len(), 10_000);
    for number in 0..10_000 {
        assert!(!desk.stage(waker(number), upsert(10_000 + number), WALL, at(3)));
    }
    assert_eq!(desk.take(), []);
}
