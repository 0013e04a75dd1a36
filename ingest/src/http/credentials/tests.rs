use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::*;

const ID: &str = "AbCdEfGhIjKl";
const KEY: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";

fn read(name: &'static str, value: &str) -> Result<Option<Claim>, AuthError> {
    let mut headers = HeaderMap::new();
    headers.insert(name, value.parse().unwrap());
    Claim::from_headers(&headers)
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn expected() -> Credential {
    Credential::from_parts(ID.as_bytes(), KEY.as_bytes()).unwrap()
}

#[test]
fn every_form_is_the_same_credential() {
    let whole = format!("{ID}:{KEY}");
    for (name, value) in [
        ("authorization", basic(ID, KEY)),
        ("authorization", basic("anybody", &whole)),
        ("authorization", basic("", &format!("{ID}{KEY}"))),
        ("authorization", basic("u", &format!("{ID}_{KEY}"))),
        // The user may be the very id.
        ("authorization", basic(ID, &whole)),
        (
            "authorization",
            format!("bAsIc  {}", STANDARD_NO_PAD.encode(format!("{ID}:{KEY}"))),
        ),
        ("authorization", format!("Bearer {whole}")),
        ("authorization", format!("bearer {ID}.{KEY} ")),
        ("x-warp10-token", whole.clone()),
    ] {
        let claim = read(name, &value).unwrap().unwrap();
        let readings = [Some(claim.credential), claim.otherwise];
        assert!(readings.contains(&Some(expected())), "{name}: {value}");
    }
}

#[test]
fn a_header_without_credential_is_no_error() {
    assert_eq!(read("accept", "*/*"), Ok(None));
}

#[test]
fn what_claims_to_be_a_credential_and_is_none_is_malformed() {
    for value in [
        "",
        "Basic",
        "Basic %%%",
        &format!("Basic {}", STANDARD.encode("nocolon")),
        &basic(ID, "short"),
        &basic("user", "password"),
        "Digest username=x",
        "Bearer ",
    ] {
        let read = read("authorization", value);
        assert!(
            matches!(read, Err(AuthError::Malformed(_))),
            "{value}: {read:?}"
        );
    }
}

#[test]
fn the_half_that_is_wrong_is_named() {
    let Err(AuthError::Malformed(error)) = read("authorization", &basic(ID, "short")) else {
        panic!("a short key was taken");
    };
    assert!(matches!(error, CredentialError::Key(_)));
}
