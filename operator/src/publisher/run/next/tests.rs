use penstock_tenancy::{LedgerToken, SigningKey, TokenState};

use super::*;
use crate::ledger_fixture::{application, key, tenant, token, token_id};

fn request(previous: Committed, changes: Vec<Change>) -> Request {
    let key = SigningKey::from_seed([7; 32]).unwrap();
    Request {
        previous: Arc::new(previous),
        changes,
        service: Service {
            replicas: 1,
            volumes: Vec::new(),
        },
        reported: None,
        now: Timestamp::from_millis(1_800_000_000_000),
        is_signed: true,
        signer: Arc::new(Signer {
            believed: vec![key.verifying_key()],
            key,
        }),
    }
}

fn upsert(token: LedgerToken) -> Change {
    Change::Token {
        tenant: tenant(1),
        token,
    }
}

/// About 320 bytes.
fn fat(number: u64) -> LedgerToken {
    LedgerToken {
        keys: (0..3).map(|of| key(number * 100 + of, None)).collect(),
        ..token(number)
    }
}

#[test]
fn a_full_ledger_takes_no_more_tokens_but_every_revocation() {
    let mut changes: Vec<Change> = (1..13_000).map(|number| upsert(fat(number))).collect();
    changes.push(Change::Application(application(1)));
    let Next { written, refused } = next(&request(Committed::default(), changes)).unwrap();
    assert_eq!(refused, []);
    let (full, document) = written.unwrap();
    let room = GROWS_TO_MAX - document.bytes.len();
    let more = u64::try_from(room / 250).unwrap() + 20_000;
    let mut revoked = fat(1);
    revoked.state = TokenState::Revoked;
    let mut changes: Vec<Change> = (20_000..20_000 + more)
        .map(|number| upsert(fat(number)))
        .collect();
    changes.push(upsert(revoked));
    let last = changes.len() - 1;
    let Next { written, refused } = next(&request(full, changes)).unwrap();
    let (ledger, _) = written.unwrap();
    assert_eq!(
        ledger.token(token_id(1)).unwrap().1.state,
        TokenState::Revoked
    );
    assert_eq!(refused.len(), last);
    assert!(
        refused
            .iter()
            .all(|(place, why)| *place < last && matches!(why, Refused::TooLarge { .. }))
    );
}

#[test]
fn another_key_or_a_pod_that_is_ahead_makes_a_revision_of_the_same() {
    let application = Change::Application(application(1));
    let first = next(&request(Committed::default(), vec![application])).unwrap();
    let (ledger, _) = first.written.unwrap();
    let revision = ledger.revision();
    assert!(
        next(&request(ledger.clone(), Vec::new()))
            .unwrap()
            .written
            .is_none()
    );
    let resigned = Request {
        is_signed: false,
        ..request(ledger.clone(), Vec::new())
    };
    let (again, _) = next(&resigned).unwrap().written.unwrap();
    assert!(again.revision() > revision);
    assert_eq!(again.ledger().applications, ledger.ledger().applications);
    for (reported, expected) in [
        (revision - 1, None),
        (revision, Some(revision + 1)),
        (revision + 9, Some(revision + 10)),
    ] {
        let outgrown = Request {
            reported: Some(reported),
            ..request(ledger.clone(), Vec::new())
        };
        let written = next(&outgrown).unwrap().written;
        assert_eq!(written.map(|(ledger, _)| ledger.revision()), expected);
    }
}
