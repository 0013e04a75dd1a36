use proptest::prelude::*;

use super::*;
use crate::ledger_fixture::{application, key, tenant, token, token_id};

const NOW: i64 = 1_800_000_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn moment(millis: i64) -> Moment {
    Moment {
        now: at(millis),
        reported: None,
        must_differ: false,
    }
}

fn service() -> Service {
    Service {
        replicas: 3,
        volumes: Vec::new(),
    }
}

fn upsert_of(token: LedgerToken) -> Change {
    Change::Token {
        tenant: tenant(1),
        token,
    }
}

/// The ledger after these changes, all in one revision.
fn after(previous: &Committed, changes: &[Change], millis: i64) -> (Committed, Vec<Refused>) {
    let changes: Vec<&Change> = changes.iter().collect();
    let (ledger, refused) = merge(previous, &changes, Some(&service()), moment(millis));
    let committed = ledger.map_or_else(
        || previous.clone(),
        |ledger| Committed::new(Arc::new(ledger)),
    );
    assert_eq!(committed.ledger().check(), Ok(()));
    (
        committed,
        refused.into_iter().map(|(_, reason)| reason).collect(),
    )
}

/// One application with one token.
fn small() -> Committed {
    let changes = [upsert_of(token(1)), Change::Application(application(1))];
    let (committed, refused) = after(&Committed::default(), &changes, NOW);
    assert_eq!(refused, []);
    committed
}

fn state(committed: &Committed, id: u64) -> TokenState {
    committed.token(token_id(id)).unwrap().1.state
}

#[test]
fn the_same_again_is_no_revision() {
    let ledger = small();
    assert_eq!(ledger.ledger().replicas, 3);
    let again = [
        Change::Application(application(1)),
        upsert_of(token(1)),
        Change::RemoveToken(token_id(9)),
        Change::RemoveApplication(tenant(9)),
    ];
    let again: Vec<&Change> = again.iter().collect();
    let (next, refused) = merge(&ledger, &again, Some(&service()), moment(NOW + 5));
    assert_eq!((next, refused), (None, Vec::new()));
    let forced = Moment {
        must_differ: true,
        reported: Some(9_000_000_000_000),
        ..moment(NOW)
    };
    let (next, _) = merge(&ledger, &[], Some(&service()), forced);
    assert_eq!(next.unwrap().revision, 9_000_000_000_001);
}

#[test]
fn revoked_and_removed_are_final() {
    let mut revoked = token(1);
    revoked.state = TokenState::Revoked;
    let (ledger, refused) = after(&small(), &[upsert_of(revoked)], NOW + 1);
    assert_eq!(refused, []);
    let (ledger, refused) = after(&ledger, &[upsert_of(token(1))], NOW + 2);
    assert_eq!(
        (refused, state(&ledger, 1)),
        (vec![Refused::Final], TokenState::Revoked)
    );
    let (ledger, _) = after(&ledger, &[Change::RemoveToken(token_id(1))], NOW + 3);
    assert_eq!(state(&ledger, 1), TokenState::Removed);
    let (ledger, refused) = after(&ledger, &[upsert_of(token(1))], NOW + 4);
    assert_eq!(
        (refused, state(&ledger, 1)),
        (vec![Refused::Final], TokenState::Removed)
    );
    let tombstone = ledger.token(token_id(1)).unwrap().1;
    assert_eq!(
        (tombstone.keys.len(), tombstone.expires_at),
        (0, Some(at(NOW + 3)))
    );
}

#[test]
fn an_id_that_nobody_can_remember_is_forgotten_with_the_next_change() {
    let (ledger, _) = after(&small(), &[Change::RemoveToken(token_id(1))], NOW);
    let month = i64::try_from(REMEMBER_REMOVED.as_millis()).unwrap();
    let (ledger, _) = after(&ledger, &[], NOW + 2 * month);
    assert!(
        ledger.token(token_id(1)).is_some(),
        "time alone writes nothing"
    );
    let (ledger, _) = after(&ledger, &[Change::Application(application(2))], NOW + month);
    assert!(ledger.token(token_id(1)).is_some());
    let (ledger, _) = after(
        &ledger,
        &[Change::Application(application(3))],
        NOW + month + 1,
    );
    assert!(ledger.token(token_id(1)).is_none());
}

#[test]
fn a_hash_stays_until_its_end() {
    let mut rotated = token(1);
    rotated.keys = vec![key(101, None)];
    let (ledger, _) = after(&small(), &[upsert_of(rotated.clone())], NOW);
    let keys = |ledger: &Committed| ledger.token(token_id(1)).unwrap().1.keys.clone();
    assert_eq!(
        keys(&ledger),
        [key(100, None), key(101, None)],
        "a stale cache drops nothing"
    );
    rotated.keys = vec![key(100, Some(NOW + 50)), key(101, None)];
    let (ledger, _) = after(&ledger, &[upsert_of(rotated)], NOW);
    assert_eq!(keys(&ledger), [key(100, Some(NOW + 50)), key(101, None)]);
    let mut without = token(1);
    without.keys = vec![key(101, None)];
    let (same, _) = after(&ledger, &[upsert_of(without.clone())], NOW + 49);
    assert_eq!(keys(&same), keys(&ledger));
    let (same, _) = after(&ledger, &[upsert_of(without.clone())], NOW + 50);
    assert_eq!(
        same.revision(),
        ledger.revision(),
        "an end alone is no change"
    );
    without.limits.connections = 7;
    let (swept, _) = after(&ledger, &[upsert_of(without)], NOW + 50);
    assert_eq!(keys(&swept), [key(101, None)]);
}

#[test]
fn a_fifth_key_must_wait_and_a_revocation_must_not() {
    let mut full = token(1);
    full.keys = (100..104)
        .map(|number| key(number, Some(NOW + 100)))
        .collect();
    let (ledger, refused) = after(&small(), &[upsert_of(full.clone())], NOW);
    assert_eq!(refused, []);
    full.keys.push(key(104, None));
    let (same, refused) = after(&ledger, &[upsert_of(full.clone())], NOW + 99);
    assert_eq!(
        (refused, same.revision()),
        (vec![Refused::KeysFull], ledger.revision())
    );
    let (later, refused) = after(&ledger, &[upsert_of(full.clone())], NOW + 100);
    assert_eq!(refused, []);
    assert_eq!(later.token(token_id(1)).unwrap().1.keys, [key(104, None)]);
    full.state = TokenState::Revoked;
    let (revoked, refused) = after(&ledger, &[upsert_of(full)], NOW + 1);
    assert_eq!(
        (refused, state(&revoked, 1)),
        (Vec::new(), TokenState::Revoked)
    );
}

#[test]
fn an_id_belongs_to_one_application_for_ever() {
    let elsewhere = Change::Token {
        tenant: tenant(2),
        token: token(1),
    };
    let nowhere = Change::Token {
        tenant: tenant(3),
        token: token(2),
    };
    let changes = [elsewhere, nowhere, Change::Application(application(2))];
    let (_, refused) = after(&small(), &changes, NOW);
    assert_eq!(
        refused,
        [
            Refused::OtherApplication(token_id(1)),
            Refused::NoApplication
        ]
    );
}

#[test]
fn a_removed_application_is_shut_and_may_be_taken_up_again() {
    let changes = [Change::RemoveApplication(tenant(1)), upsert_of(token(2))];
    let (ledger, _) = after(&small(), &changes, NOW);
    let shut = ledger.application(tenant(1)).unwrap();
    assert!(shut.paused && !shut.removed);
    assert!(shut.tokens.iter().all(is_removed));
    assert_eq!(shut.tokens.len(), 2, "whoever closes has the last word");
    let changes = [Change::Application(application(1)), upsert_of(token(3))];
    let (ledger, refused) = after(&ledger, &changes, NOW + 1);
    assert_eq!(refused, []);
    let open = ledger.application(tenant(1)).unwrap();
    assert_eq!((open.paused, open.tokens.len()), (false, 3));
}

#[test]
fn one_bad_entry_does_not_hold_up_the_others() {
    let mut bad = token(2);
    bad.limits.connections = 2_000_000;
    let mut keyless = token(3);
    keyless.keys.clear();
    let changes = [upsert_of(bad), upsert_of(keyless), upsert_of(token(4))];
    let (ledger, refused) = after(&small(), &changes, NOW);
    assert!(
        matches!(refused[..], [Refused::Fault(_), Refused::Fault(_)]),
        "{refused:?}"
    );
    assert!(ledger.token(token_id(4)).is_some());
}

#[test]
fn a_ledger_that_must_differ_has_the_service_too() {
    let first = Moment {
        must_differ: true,
        ..moment(NOW)
    };
    let (ledger, _) = merge(&Committed::default(), &[], Some(&service()), first);
    assert_eq!(ledger.unwrap().check(), Ok(()));
}

#[test]
fn a_service_is_part_of_the_ledger_and_bad_volumes_are_not() {
    let volume = |name: &str, address: &str| LedgerVolume {
        name: name.to_owned(),
        address: address.to_owned(),
    };
    let mut service = Service {
        replicas: 0,
        volumes: vec![volume("b", "b:1"), volume("a", "a:1")],
    };
    assert_eq!(check_service(&service), Ok(()));
    let (ledger, _) = merge(&small(), &[], Some(&service), moment(NOW));
    let ledger = ledger.unwrap();
    assert_eq!((ledger.replicas, ledger.check()), (1, Ok(())));
    let again = Committed::new(Arc::new(ledger));
    assert_eq!(merge(&again, &[], Some(&service), moment(NOW)).0, None);
    service.volumes.push(volume("c", "nowhere"));
    assert!(check_service(&service).is_err());
}

/// One to three tokens of two applications, with keys that end or not.
fn any_change() -> impl Strategy<Value = Change> {
    let any_key = (100..106_u64, prop::option::of(NOW - 2..NOW + 6));
    let any_state = prop_oneof![
        4 => Just(TokenState::Active),
        1 => Just(TokenState::Paused),
        1 => Just(TokenState::Revoked),
        1 => Just(TokenState::Removed),
    ];
    let keys = prop::collection::vec(any_key, 0..4);
    let any_token = (1..4_u64, 1..3_u64, any_state, keys).prop_map(|(id, of, state, keys)| {
        let keys = keys
            .into_iter()
            .map(|(number, end)| key(number, end))
            .collect();
        Change::Token {
            tenant: tenant(of),
            token: LedgerToken {
                state,
                keys,
                ..token(id)
            },
        }
    });
    let any_application = (1..3_u64, any::<bool>()).prop_map(|(number, paused)| {
        Change::Application(LedgerApplication {
            paused,
            ..application(number)
        })
    });
    prop_oneof![
        6 => any_token,
        3 => any_application,
        1 => (1..4_u64).prop_map(|id| Change::RemoveToken(token_id(id))),
        1 => (1..3_u64).prop_map(|number| Change::RemoveApplication(tenant(number))),
    ]
}

proptest! {
    #[test]
    fn whatever_is_staged_the_ledger_keeps_its_promises(
        batches in prop::collection::vec(prop::collection::vec(any_change(), 0..5), 1..8)
    ) {
        let mut ledger = Committed::default();
        for (step, batch) in (0_i64..).zip(&batches) {
            let millis = NOW + step;
            // `after` checks that it is canonical and consistent.
            let (next, _) = after(&ledger, batch, millis);
            prop_assert!(next.revision() >= ledger.revision());
            let differs = next.ledger() != ledger.ledger();
            prop_assert_eq!(next.revision() > ledger.revision(), differs);
            for (application, before) in ledger.ledger().tokens() {
                let found = next.token(before.id);
                prop_assert!(found.is_some(), "an id is not forgotten within a month");
                let (of, now) = found.unwrap();
                prop_assert_eq!(of.tenant, application.tenant);
                let is_final = |state| matches!(state, TokenState::Revoked | TokenState::Removed);
                prop_assert!(!is_final(before.state) || is_final(now.state));
                prop_assert!(before.state != TokenState::Removed || now.state == TokenState::Removed);
                if is_removed(now) {
                    continue;
                }
                for key in before.keys.iter().filter(|key| is_alive(key, at(millis))) {
                    let ended = batch.iter().any(|change| matches!(
                        change,
                        Change::Token { token, .. } if token.id == before.id && token.keys.iter().any(
                            |wanted| wanted.hash == key.hash && !is_alive(wanted, at(millis))
                        )
                    ));
                    prop_assert!(ended || now.key(&key.hash).is_some(), "a hash has left");
                }
            }
            // What was taken once is in it: staged again, it writes nothing.
            let changes: Vec<&Change> = batch.iter().filter(|change| is_in(&next, change, at(millis)) == Ok(true)).collect();
            let again = merge(&next, &changes, Some(&service()), moment(millis));
            prop_assert_eq!(again, (None, Vec::new()));
            ledger = next;
        }
    }
}
