use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::ledger::tests::full;

/// A ledger that was signed by the first version of this format. It must be readable for ever.
const GOLDEN: &[u8] = include_bytes!("golden_v1.ledger");

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

fn signed(revision: u64) -> Vec<u8> {
    sign(&Ledger { revision, ..full() }, &key(1)).unwrap()
}

fn accepted(revision: u64) -> VerifiedLedger {
    verify(&signed(revision), &[key(1).verifying_key()]).unwrap()
}

#[test]
fn the_golden_ledger_is_what_we_write_and_reads_back() {
    let document = sign(&full(), &key(1)).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&document),
        String::from_utf8_lossy(GOLDEN)
    );
    let verified = verify(GOLDEN, &[key(1).verifying_key()]).unwrap();
    assert_eq!(*verified.ledger(), full());
}

#[test]
fn every_flipped_bit_is_refused() {
    let keys = [key(1).verifying_key()];
    for at in 0..GOLDEN.len() {
        for bit in 0..8 {
            let mut damaged = GOLDEN.to_vec();
            damaged[at] ^= 1 << bit;
            let outcome = verify(&damaged, &keys);
            assert!(outcome.is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn every_truncation_and_every_appendix_is_refused() {
    let keys = [key(1).verifying_key()];
    for length in 0..GOLDEN.len() {
        assert!(verify(&GOLDEN[..length], &keys).is_err(), "{length}");
    }
    let longer = [GOLDEN, b" "].concat();
    assert_eq!(verify(&longer, &keys), Err(LedgerError::Checksum));
}

#[test]
fn an_older_revision_is_refused_and_the_same_one_is_known() {
    let keys = [key(1).verifying_key()];
    let current = accepted(41);
    assert_eq!(
        accept(&signed(40), &keys, Some(&current)),
        Err(LedgerError::Stale {
            offered: 40,
            current: 41
        })
    );
    assert_eq!(
        accept(&signed(41), &keys, Some(&current)),
        Ok(Offer::AlreadyLoaded)
    );
    assert_eq!(
        accept(&signed(42), &keys, Some(&current)),
        Ok(Offer::Newer(accepted(42)))
    );
    assert_eq!(
        accept(&signed(1), &keys, None),
        Ok(Offer::Newer(accepted(1)))
    );
}

#[test]
fn two_ledgers_of_one_revision_are_told_apart() {
    let mut other = full();
    other.replicas += 1;
    let other = sign(&other, &key(1)).unwrap();
    assert_eq!(
        accept(&other, &[key(1).verifying_key()], Some(&accepted(41))),
        Err(LedgerError::Conflict { revision: 41 })
    );
}

#[test]
fn a_strangers_signature_is_refused_and_two_keys_may_be_valid() {
    let document = sign(&full(), &key(2)).unwrap();
    assert_eq!(
        verify(&document, &[key(1).verifying_key()]),
        Err(LedgerError::UnknownKey {
            key_id: key(2).verifying_key().id()
        })
    );
    assert!(verify(&document, &[key(1).verifying_key(), key(2).verifying_key()]).is_ok());
    // A stranger who writes a known key's id into the header.
    let forged = String::from_utf8(document).unwrap().replacen(
        &key(2).verifying_key().id(),
        &key(1).verifying_key().id(),
        1,
    );
    assert_eq!(
        verify(forged.as_bytes(), &[key(1).verifying_key()]),
        Err(LedgerError::Signature)
    );
    assert!(verify(forged.as_bytes(), &[]).is_err());
}

/// What a signer of another program, or of another version, might sign.
fn sign_text(payload: &str) -> Vec<u8> {
    let key = key(1);
    let signature = key.pair.sign(&signed_bytes(payload.as_bytes()));
    format!(
        "{MAGIC} {} {} {}\n{payload}",
        key.verifying_key().id(),
        Checksum::of(payload.as_bytes()),
        BASE64.encode(signature.as_ref())
    )
    .into_bytes()
}

#[test]
fn only_the_canonical_form_is_taken() {
    let keys = [key(1).verifying_key()];
    let canonical = "{\"revision\":1,\"replicas\":1,\"applications\":[]}\n";
    assert!(verify(&sign_text(canonical), &keys).is_ok());
    for other in [
        "{\"replicas\":1,\"revision\":1,\"applications\":[]}\n",
        "{\"revision\":1,\"replicas\":1,\"applications\":[]}",
        "{\"revision\": 1,\"replicas\":1,\"applications\":[]}\n",
    ] {
        let outcome = verify(&sign_text(other), &keys);
        assert_eq!(outcome, Err(LedgerError::NotCanonical), "{other}");
    }
    // A field that is unknown here may be a restriction: not to be passed over.
    let newer = "{\"revision\":1,\"replicas\":1,\"applications\":[],\"quorum\":2}\n";
    assert!(matches!(
        verify(&sign_text(newer), &keys),
        Err(LedgerError::Payload { .. })
    ));
}

#[test]
fn what_no_reader_would_take_is_not_signed() {
    let mut ledger = full();
    ledger.applications.reverse();
    assert!(matches!(sign(&ledger, &key(1)), Err(LedgerError::Fault(_))));
    assert_eq!(
        verify(&vec![b'x'; LEDGER_BYTES_MAX + 1], &[]),
        Err(LedgerError::TooLarge {
            bytes: LEDGER_BYTES_MAX + 1
        })
    );
}

#[test]
fn keys_survive_their_text() {
    let signing = SigningKey::draw(&mut StdRng::seed_from_u64(5)).unwrap();
    let again = SigningKey::parse(&signing.expose()).unwrap();
    assert_eq!(again.verifying_key(), signing.verifying_key());
    let public = signing.verifying_key();
    assert_eq!(public.to_string().parse(), Ok(public));
    assert!(!format!("{signing:?}").contains(&signing.expose()));
    for text in ["", "AAAA", "!", &BASE64.encode([0; 33])] {
        assert!(SigningKey::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(verify(&bytes, &[key(1).verifying_key()]).is_err());
    }

    #[test]
    fn any_payload_under_a_good_signature_is_answered(payload in "[\\[\\]{}\":,a-z0-9]{0,80}") {
        prop_assert!(verify(&sign_text(&payload), &[key(1).verifying_key()]).is_err());
    }
}
