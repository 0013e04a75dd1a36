use std::time::Duration;

use penstock_model::Tags;
use penstock_tenancy::{Permission, Profile};

use super::*;
use crate::ledger_fixture::{ID, KEY, credential, ledger, ledger_key, tags, token};
use crate::manual_clock::ManualClock;

const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_000);
const SECOND_KEY: &str = "9876543210abcdefghijABCDEFGHIJ9876543210";

struct Story {
    clock: Arc<ManualClock>,
    authenticator: Authenticator,
    ledger: Ledger,
}

impl Story {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let quotas = Quotas::new(Arc::clone(&shared));
        let story = Self {
            clock,
            authenticator: Authenticator::new(shared, quotas),
            ledger: ledger(1),
        };
        story.authenticator.load(&story.ledger);
        story
    }

    /// Loads the next ledger, changed.
    fn change(&mut self, change: impl FnOnce(&mut LedgerApplication)) {
        self.ledger.revision += 1;
        change(&mut self.ledger.applications[0]);
        self.ledger.canonicalize();
        self.authenticator.load(&self.ledger);
    }

    fn change_token(&mut self, change: impl FnOnce(&mut LedgerToken)) {
        self.change(|application| change(&mut application.tokens[0]));
    }

    fn check(&self, key: &str) -> Result<Arc<Grant>, AuthError> {
        self.check_over(key, Protocol::Http, "192.0.2.1")
    }

    fn check_over(
        &self,
        key: &str,
        protocol: Protocol,
        source: &str,
    ) -> Result<Arc<Grant>, AuthError> {
        let source = source.parse().unwrap();
        self.authenticator
            .check(&credential(ID, key), protocol, source)
    }

    fn renew(&self, grant: &Grant) -> Result<Arc<Grant>, AuthError> {
        let source = "192.0.2.1".parse().unwrap();
        self.authenticator.renew(grant, Protocol::Http, source)
    }
}

fn after_noon(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOON.millis() + seconds * 1_000)
}

#[test]
fn a_grant_says_what_the_ledger_says() {
    let mut story = Story::new();
    story.change(|application| {
        application.profile = Profile::OpenTsdb;
        application.tags = tags(&[("site", "paris"), ("floor", "1")]);
        application.tokens[0].tags = tags(&[("floor", "2")]);
    });
    let grant = story.check(KEY).unwrap();
    assert_eq!(grant.token().as_str(), ID);
    assert_eq!(grant.tenant(), story.ledger.applications[0].tenant);
    assert_eq!(grant.profile(), Profile::OpenTsdb);
    assert_eq!(
        *grant.forced_tags(),
        tags(&[("floor", "2"), ("site", "paris")]),
        "the token's tags win over its application's"
    );
    assert_eq!(
        *grant.own_tags(),
        tags(&[("floor", "2")]),
        "filters are the token's alone"
    );
    assert_eq!(grant.require(Permission::Write), Ok(()));
    assert_eq!(
        grant.require(Permission::Read),
        Err(Refusal::Permission(Permission::Read))
    );
    assert_eq!(grant.require_delete(), Err(Refusal::Delete));
    assert_eq!(grant.last_used(), Some(NOON));
}

#[test]
fn nobody_gets_in_with_a_wrong_id_or_key() {
    let story = Story::new();
    assert_eq!(story.check(SECOND_KEY).unwrap_err(), AuthError::Unknown);
    let other = credential("ZZZZZZZZZZZZ", KEY);
    let source = "192.0.2.1".parse().unwrap();
    let refused = story.authenticator.check(&other, Protocol::Http, source);
    assert_eq!(refused.unwrap_err(), AuthError::Unknown);
    assert!(AuthError::Unknown.asks_for_credentials());
}

#[test]
fn whoever_owns_the_token_can_refuse_it() {
    type Change = fn(&mut LedgerApplication);
    let cases: [(Change, Refusal); 6] = [
        (
            |application| application.paused = true,
            Refusal::ApplicationPaused,
        ),
        (|application| application.removed = true, Refusal::Removed),
        (
            |application| application.tokens[0].state = TokenState::Paused,
            Refusal::Paused,
        ),
        (
            |application| application.tokens[0].state = TokenState::Revoked,
            Refusal::Revoked,
        ),
        (
            |application| {
                application.tokens[0].state = TokenState::Revoked;
                application.tokens[0].keys.clear();
            },
            Refusal::Revoked,
        ),
        (
            |application| application.tokens[0].state = TokenState::Removed,
            Refusal::Removed,
        ),
    ];
    for (change, refusal) in cases {
        let mut story = Story::new();
        let session = story.check(KEY).unwrap();
        story.change(change);
        let refused = story.check(KEY).unwrap_err();
        assert_eq!(refused, AuthError::Refused(refusal));
        assert!(!refused.asks_for_credentials());
        assert!(session.cut().is_cancelled(), "{refusal:?}");
        assert_eq!(story.renew(&session).unwrap_err(), refused);
    }
}

#[test]
fn a_token_that_vanishes_from_the_ledger_is_cut() {
    let mut story = Story::new();
    let session = story.check(KEY).unwrap();
    story.change(|application| application.tokens.clear());
    assert!(session.cut().is_cancelled());
    assert_eq!(story.check(KEY).unwrap_err(), AuthError::Unknown);
}

#[test]
fn a_revoked_key_takes_no_other_session_with_it() {
    let mut story = Story::new();
    story.change_token(|token| token.keys.push(ledger_key(SECOND_KEY)));
    story.change(|application| {
        let other = token("Other0123456", KEY, Permission::Read);
        application.tokens.push(other);
    });
    let (first, second) = (story.check(KEY).unwrap(), story.check(SECOND_KEY).unwrap());
    let source = "192.0.2.1".parse().unwrap();
    let other = credential("Other0123456", KEY);
    let other = story
        .authenticator
        .check(&other, Protocol::Http, source)
        .unwrap();
    story.change_token(|token| {
        token
            .keys
            .retain(|key| key.hash != KeyHash::of(KEY.as_bytes()));
    });
    assert!(first.cut().is_cancelled());
    for grant in [second, other] {
        assert!(!grant.cut().is_cancelled());
        assert!(!grant.is_superseded());
    }
}

#[test]
fn only_what_makes_other_series_makes_another_version() {
    let mut story = Story::new();
    story.change_token(|token| token.keys.push(ledger_key(SECOND_KEY)));
    let first = story.check(KEY).unwrap();
    assert_eq!(
        first.version(),
        story.check(SECOND_KEY).unwrap().version(),
        "keys of one token"
    );

    story.change_token(|token| token.limits.points_per_second = 5);
    let limited = story.check(KEY).unwrap();
    assert!(Arc::ptr_eq(&first, &limited), "rates change in place");

    story.change_token(|token| token.keys[0].not_after = Some(after_noon(60)));
    assert!(first.is_superseded());
    let rotated = story.check(KEY).unwrap();
    assert_eq!(rotated.version(), first.version());
    assert!(Arc::ptr_eq(&rotated, &story.renew(&first).unwrap()));

    story.change_token(|token| token.tags = tags(&[("host", "a")]));
    let tagged = story.check(KEY).unwrap();
    assert_ne!(tagged.version(), first.version());
    assert_eq!(tagged.version(), story.check(SECOND_KEY).unwrap().version());

    story.change_token(|token| token.tags = Tags::default());
    let back = story.check(KEY).unwrap();
    assert_ne!(back.version(), first.version(), "a version never returns");
}

#[test]
fn the_end_of_a_key_is_kept_by_the_clock() {
    let mut story = Story::new();
    story.change_token(|token| {
        token.keys.push(ledger_key(SECOND_KEY));
        token.keys[0].not_after = Some(after_noon(60));
        token.expires_at = Some(after_noon(120));
    });
    let (first, second) = (story.check(KEY).unwrap(), story.check(SECOND_KEY).unwrap());
    story.clock.advance(Duration::from_millis(59_999));
    story.authenticator.enforce_ends();
    story.check(KEY).unwrap();
    assert!(!first.cut().is_cancelled());

    story.clock.advance(Duration::from_millis(1));
    story.authenticator.enforce_ends();
    assert!(first.cut().is_cancelled());
    assert!(!second.cut().is_cancelled());
    let refused = story.check(KEY).unwrap_err();
    assert_eq!(refused, AuthError::Refused(Refusal::KeyExpired));

    story.clock.advance(Duration::from_mins(1));
    story.authenticator.enforce_ends();
    assert!(second.cut().is_cancelled());
    let refused = story.check(SECOND_KEY).unwrap_err();
    assert_eq!(refused, AuthError::Refused(Refusal::Expired));

    // Prolonged: a new session, and the old one stays cut.
    story.change_token(|token| token.expires_at = Some(after_noon(240)));
    assert!(!story.check(SECOND_KEY).unwrap().cut().is_cancelled());
    assert!(second.cut().is_cancelled());
}

#[test]
fn a_session_that_sleeps_through_a_change_is_still_cut() {
    let mut story = Story::new();
    let session = story.check(KEY).unwrap();
    story.change_token(|token| token.expires_at = Some(after_noon(60)));
    assert!(session.is_superseded());
    assert!(!session.cut().is_cancelled());
    story.clock.advance(Duration::from_secs(61));
    story.authenticator.enforce_ends();
    assert!(session.cut().is_cancelled());
}

#[test]
fn too_early_is_refused_and_then_taken() {
    let mut story = Story::new();
    story.change_token(|token| token.not_before = Some(after_noon(10)));
    let refused = story.check(KEY).unwrap_err();
    assert_eq!(refused, AuthError::Refused(Refusal::NotYetValid));
    story.clock.advance(Duration::from_secs(10));
    story.check(KEY).unwrap();
}

#[test]
fn protocol_and_address_can_be_confined() {
    let mut story = Story::new();
    story.change_token(|token| {
        token.allow.protocols = vec![Protocol::Telnet];
        token.allow.source_ranges = vec!["192.0.2.0/24".parse().unwrap()];
    });
    story
        .check_over(KEY, Protocol::Telnet, "192.0.2.9")
        .unwrap();
    for (protocol, source, refusal) in [
        (
            Protocol::Http,
            "192.0.2.9",
            Refusal::Protocol(Protocol::Http),
        ),
        (Protocol::Telnet, "198.51.100.1", Refusal::Source),
    ] {
        let refused = story.check_over(KEY, protocol, source).unwrap_err();
        assert_eq!(refused, AuthError::Refused(refusal));
    }
}

#[test]
fn the_last_use_of_each_key_is_known_to_the_minute() {
    let mut story = Story::new();
    story.change_token(|token| token.keys.push(ledger_key(SECOND_KEY)));
    story.check(KEY).unwrap();
    story.clock.advance(Duration::from_secs(59));
    story.check(KEY).unwrap();
    story.change_token(|token| token.tags = tags(&[("a", "b")]));
    let fingerprint = KeyHash::of(KEY.as_bytes()).fingerprint();
    for key_use in story.authenticator.uses() {
        let expected = (key_use.fingerprint == fingerprint).then_some(NOON);
        assert_eq!(key_use.last_used, expected, "kept over a change");
    }
}
