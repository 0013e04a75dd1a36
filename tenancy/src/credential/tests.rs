use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::{Key, Permission};

const ID: &str = "AbCdEfGhIjK1";

fn key() -> Key {
    Key::draw(&mut StdRng::seed_from_u64(3), Permission::Write)
}

#[test]
fn four_joins_are_one_credential() {
    let key = key();
    let expected = Credential::from_parts(ID.as_bytes(), key.expose().as_bytes()).unwrap();
    assert_eq!(expected.id().as_str(), ID);
    assert_eq!(*expected.hash(), key.hash());
    for join in [":", "_", ".", ""] {
        let text = format!("{ID}{join}{}", key.expose());
        assert_eq!(Credential::parse(text.as_bytes()), Ok(expected), "{join:?}");
    }
}

#[test]
fn a_users_own_key_joins_as_well() {
    let own = "0123456789abcdefghijABCDEFGHIJ99";
    for join in [":", "_", ".", ""] {
        let credential = Credential::parse(format!("{ID}{join}{own}").as_bytes()).unwrap();
        assert_eq!(*credential.hash(), KeyHash::of(own.as_bytes()), "{join:?}");
    }
}

#[test]
fn other_text_is_refused_and_the_half_is_named() {
    let id = CredentialError::Id(TokenIdError);
    let cases = [
        ("", id),
        ("AbCdEfGhIjK", id),
        ("AbCdEfGhIj:1pstkw", id),
        ("éééééé", id),
        (ID, CredentialError::Key(KeyError::TooShort)),
        ("AbCdEfGhIjK1:", CredentialError::Key(KeyError::TooShort)),
        (
            "AbCdEfGhIjK1:short",
            CredentialError::Key(KeyError::TooShort),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(Credential::parse(text.as_bytes()), Err(expected), "{text}");
    }
    let doubled = format!("{ID}::{}", key().expose());
    assert_eq!(
        Credential::parse(doubled.as_bytes()),
        Err(CredentialError::Key(KeyError::IllegalCharacter))
    );
    let mistyped = format!("{ID}:{}", key().expose().replace("pstkw", "pstkr"));
    assert_eq!(
        Credential::parse(mistyped.as_bytes()),
        Err(CredentialError::Key(KeyError::Mistyped))
    );
}

#[test]
fn debug_shows_the_id_alone() {
    let text = format!("{ID}:{}", key().expose());
    let credential = Credential::parse(text.as_bytes()).unwrap();
    assert_eq!(format!("{credential:?}"), format!("Credential({ID})"));
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(credential) = Credential::parse(&bytes) {
            let id = credential.id();
            prop_assert_eq!(id.as_str().as_bytes(), &bytes[..TOKEN_ID_LENGTH]);
        }
    }
}
