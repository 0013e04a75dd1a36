use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

fn drawn(seed: u64, permission: Permission) -> Key {
    Key::draw(&mut StdRng::seed_from_u64(seed), permission)
}

#[test]
fn a_drawn_key_has_prefix_length_and_alphabet() {
    for (permission, prefix) in [(Permission::Write, "pstkw"), (Permission::Read, "pstkr")] {
        let key = drawn(7, permission);
        assert!(key.expose().starts_with(prefix));
        assert_eq!(key.expose().len(), 54);
        assert!(key.expose().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(Key::parse(key.expose()), Ok(key));
    }
}

#[test]
fn keys_are_drawn_from_the_random_numbers_alone() {
    assert_eq!(drawn(7, Permission::Write), drawn(7, Permission::Write));
    assert_ne!(drawn(7, Permission::Write), drawn(8, Permission::Write));
}

#[test]
fn a_mistyped_key_is_told_from_an_unknown_one() {
    let key = drawn(7, Permission::Write);
    for at in 5..key.expose().len() {
        let mut typo = key.expose().as_bytes().to_vec();
        typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
        let typo = String::from_utf8(typo).unwrap();
        assert_eq!(Key::parse(&typo), Err(KeyError::Mistyped), "at {at}");
        assert!(!looks_like_key(typo.as_bytes()), "at {at}");
    }
}

#[test]
fn a_users_own_key_has_32_to_128_letters_and_digits() {
    let cases = [
        ("a".repeat(31), Err(KeyError::TooShort)),
        ("a".repeat(32), Ok(())),
        ("a".repeat(128), Ok(())),
        ("a".repeat(129), Err(KeyError::TooLong)),
        ("a".repeat(31) + "_", Err(KeyError::IllegalCharacter)),
        ("a".repeat(31) + "é", Err(KeyError::IllegalCharacter)),
        (String::new(), Err(KeyError::TooShort)),
        // The prefix alone makes no key of ours: it needs the length too.
        ("pstkw".to_owned() + &"a".repeat(48), Ok(())),
        (
            "pstkw".to_owned() + &"a".repeat(49),
            Err(KeyError::Mistyped),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(Key::parse(&text).map(|_| ()), expected, "{text}");
    }
}

#[test]
fn debug_never_shows_a_key() {
    let key = drawn(7, Permission::Write);
    let shown = format!("{key:?} {:?} {:#?}", Some(&key), vec![key.clone()]);
    assert!(!shown.contains("pstk"), "{shown}");
    assert!(
        !shown.contains(key.expose().get(10..20).unwrap()),
        "{shown}"
    );
}

#[test]
fn a_key_is_found_wherever_it_stands() {
    let key = drawn(1, Permission::Write);
    let key = key.expose();
    for text in [
        key.to_owned(),
        format!("{key}.cpu"),
        format!("id:{key}"),
        format!("x{key}y"),
    ] {
        assert!(holds_key(text.as_bytes()), "{text}");
    }
    assert!(!holds_key(key.get(1..).unwrap().as_bytes()));
    assert!(!holds_key(b"") && !holds_key(b"sys.cpu.nice"));
}

#[test]
fn keys_are_taken_out_of_what_is_quoted() {
    let write = drawn(1, Permission::Write);
    let read = drawn(2, Permission::Read);
    let text = format!("put {}.cpu 1 id_{}", write.expose(), read.expose());
    assert_eq!(redact_keys(&text), "put <key>.cpu 1 id_<key>");
    let glued = format!("{}{}é", write.expose(), read.expose());
    assert_eq!(redact_keys(&glued), "<key><key>é");
    assert!(matches!(redact_keys("put é.cpu 1"), Cow::Borrowed(_)));
}

/// Whoever rewrites this file's arithmetic finds out here: keys that are already handed out must stay valid.
#[test]
fn the_checksum_is_fixed_for_ever() {
    assert_eq!(&crc_digits(b"123456789"), b"3jZRME");
    let key = drawn(7, Permission::Write);
    assert!(looks_like_key(key.expose().as_bytes()));
}

proptest! {
    #[test]
    fn every_drawn_key_is_recognised_and_survives_a_credential(seed in any::<u64>()) {
        let key = drawn(seed, Permission::Read);
        prop_assert!(looks_like_key(key.expose().as_bytes()));
        prop_assert_eq!(Key::parse(key.expose()).map(|k| k.hash()), Ok(key.hash()));
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,140}") {
        if let Ok(key) = Key::parse(&text) {
            prop_assert_eq!(key.expose(), text.as_str());
        }
        let redacted = redact_keys(&text);
        prop_assert_eq!(redacted.as_ref(), text.as_str());
    }
}
