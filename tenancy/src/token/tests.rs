use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn token(keys: Vec<LedgerKey>) -> LedgerToken {
    LedgerToken {
        id: "AbCdEfGhIjK1".parse().unwrap(),
        namespace: "team".to_owned(),
        name: "sensors".to_owned(),
        permission: Permission::Write,
        state: TokenState::Active,
        keys,
        tags: Tags::default(),
        not_before: None,
        expires_at: None,
        limits: TokenLimits::default(),
        read_limits: ReadLimits::default(),
        allow: Allow::default(),
    }
}

fn key(text: &str, not_after: Option<i64>) -> LedgerKey {
    LedgerKey {
        hash: KeyHash::of(text.as_bytes()),
        not_after: not_after.map(at),
    }
}

#[test]
fn an_id_is_twelve_letters_and_digits() {
    for text in [
        "",
        "AbCdEfGhIjK",
        "AbCdEfGhIjK12",
        "AbCdEfGhIj_1",
        "AbCdEfGhIjé",
    ] {
        assert_eq!(text.parse::<TokenId>(), Err(TokenIdError), "{text}");
    }
    let drawn = TokenId::draw(&mut StdRng::seed_from_u64(1));
    assert_eq!(drawn.as_str().parse(), Ok(drawn));
    assert_ne!(drawn, TokenId::draw(&mut StdRng::seed_from_u64(2)));
}

#[test]
fn a_key_is_found_by_its_hash() {
    let token = token(vec![key("old", Some(50)), key("new", None)]);
    assert_eq!(token.key(&KeyHash::of(b"old")), token.keys.first());
    assert_eq!(token.key(&KeyHash::of(b"new")), token.keys.last());
    assert_eq!(token.key(&KeyHash::of(b"other")), None);
}

#[test]
fn a_token_is_taken_from_its_first_moment_until_its_last() {
    let mut token = token(vec![key("k", None)]);
    token.not_before = Some(at(10));
    token.expires_at = Some(at(20));
    let check = |now| token.check(&token.keys[0], at(now));
    assert_eq!(check(9), Err(Refusal::NotYetValid));
    assert_eq!(check(10), Ok(()));
    assert_eq!(check(19), Ok(()));
    assert_eq!(check(20), Err(Refusal::Expired));
}

#[test]
fn a_replaced_key_ends_before_its_token() {
    let mut token = token(vec![key("old", Some(50)), key("new", None)]);
    assert_eq!(token.check(&token.keys[0], at(49)), Ok(()));
    assert_eq!(
        token.check(&token.keys[0], at(50)),
        Err(Refusal::KeyExpired)
    );
    assert_eq!(token.check(&token.keys[1], at(50)), Ok(()));
    assert_eq!(token.end(&token.keys[0]), Some(at(50)));
    assert_eq!(token.end(&token.keys[1]), None);
    token.expires_at = Some(at(40));
    assert_eq!(token.end(&token.keys[0]), Some(at(40)));
}

#[test]
fn what_the_owner_decided_comes_first() {
    let mut token = token(vec![key("k", Some(0))]);
    for (state, refusal) in [
        (TokenState::Paused, Refusal::Paused),
        (TokenState::Revoked, Refusal::Revoked),
        (TokenState::Removed, Refusal::Removed),
    ] {
        token.state = state;
        assert_eq!(token.check(&token.keys[0], at(99)), Err(refusal));
    }
    // Clients are told apart by these words.
    assert!(Refusal::Expired.to_string().contains("expired"));
    assert!(Refusal::Removed.to_string().contains("revoked"));
}

#[test]
fn an_empty_list_allows_everything_and_any_other_only_what_it_names() {
    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    let free = Allow::default();
    assert_eq!(free.check(Protocol::Telnet, loopback), Ok(()));
    assert!(free.metric("anything"));
    let bound = Allow {
        protocols: vec![Protocol::Http],
        metric_prefixes: vec!["cpu.".to_owned(), "mem.".to_owned()],
        source_ranges: vec!["192.0.2.0/24".parse().unwrap()],
        delete: false,
    };
    assert_eq!(
        bound.check(Protocol::Telnet, loopback),
        Err(Refusal::Protocol(Protocol::Telnet))
    );
    assert_eq!(bound.check(Protocol::Http, loopback), Err(Refusal::Source));
    assert_eq!(
        bound.check(Protocol::Http, "192.0.2.1".parse().unwrap()),
        Ok(())
    );
    assert!(bound.metric("mem.free"));
    assert!(!bound.metric("cpu"));
}
