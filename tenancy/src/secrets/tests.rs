use std::collections::HashMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::ledger::tests::full;
use crate::{Ledger, SigningKey, sign, verify};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such file")]
struct Missing;

/// The Secrets of an installation, as far as a reader sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Mount(HashMap<String, Vec<u8>>);

impl Mount {
    fn write_parts(&mut self, split: &SplitLedger<'_>) {
        for (name, bytes) in &split.parts {
            self.0.insert(name.to_string(), bytes.to_vec());
        }
    }

    fn write_head(&mut self, split: &SplitLedger<'_>) {
        self.0
            .insert(HEAD_KEY.to_owned(), split.head.to_string().into_bytes());
        match split.whole {
            Some(whole) => self.0.insert(WHOLE_KEY.to_owned(), whole.to_vec()),
            None => self.0.remove(WHOLE_KEY),
        };
    }

    fn read(&self) -> Result<Vec<u8>, JoinError<Missing>> {
        let file = |name: &str| self.0.get(name).cloned().ok_or(Missing);
        join(&file(HEAD_KEY).unwrap_or_default(), file)
    }
}

/// A document of about so many bytes, as far as cutting it up is concerned.
fn document(bytes: usize, filler: u8) -> Vec<u8> {
    let mut document = b"penstock-ledger/1 0123456789abcdef checksum AAAA\n".to_vec();
    document.resize(document.len() + bytes, filler);
    document
}

#[test]
fn a_real_ledger_goes_there_and_back() {
    let key = SigningKey::from_seed([1; 32]).unwrap();
    let mut ledger: Ledger = full();
    let template = ledger.applications[1].clone();
    for number in 0..3_000_u32 {
        let mut more = template.clone();
        more.name = format!("mill{number:05}");
        more.tenant = penstock_model::TenantId::from_bytes(u128::from(number + 100).to_be_bytes());
        more.tokens.truncate(1);
        more.tokens[0].id = format!("AbCdEfG{number:05}").parse().unwrap();
        ledger.applications.push(more);
    }
    let signed = sign(&ledger, &key).unwrap();
    let split = split(&signed, ledger.revision, None).unwrap();
    assert!(split.parts.len() > 1, "{} bytes", signed.len());
    let mut mount = Mount::default();
    mount.write_parts(&split);
    mount.write_head(&split);
    let joined = mount.read().unwrap();
    let verified = verify(&joined, &[key.verifying_key()]).unwrap();
    assert_eq!(*verified.ledger(), ledger);
    assert_eq!(verified.checksum(), split.head.checksum);
    assert_eq!(split.head.to_string().parse(), Ok(split.head));
}

#[test]
fn what_is_not_a_document_or_too_large_is_refused() {
    assert_eq!(split(b"no header", 1, None), Err(LedgerError::Header));
    let large = document(LEDGER_BYTES_MAX, b'x');
    assert!(matches!(
        split(&large, 1, None),
        Err(LedgerError::TooLarge { .. })
    ));
}

#[test]
fn the_border_between_one_secret_and_several() {
    let overhead = document(0, b'x').len();
    for (bytes, parts) in [
        (PART_BYTES_MAX, 0),
        (PART_BYTES_MAX + 1, 2),
        (2 * PART_BYTES_MAX, 2),
        (LEDGER_BYTES_MAX, PARTS_MAX),
    ] {
        let document = document(bytes - overhead, b'x');
        let split = split(&document, 1, None).unwrap();
        assert_eq!(document.len(), bytes);
        assert_eq!(split.parts.len(), parts, "{bytes}");
        assert_eq!(split.whole.is_some(), parts == 0, "{bytes}");
    }
}

#[test]
fn parts_go_to_the_set_that_is_not_in_use() {
    let (large, small) = (document(PART_BYTES_MAX, b'x'), document(10, b'x'));
    let sets = |documents: &[&[u8]]| {
        let mut previous = None;
        let mut names = Vec::new();
        for document in documents {
            let split = split(document, 1, previous.as_ref()).unwrap();
            names.push(split.parts.first().map(|(name, _)| name.to_string()));
            previous = Some(split.head);
        }
        names
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect::<Vec<_>>()
    };
    assert_eq!(sets(&[&large, &large, &large]), ["a0", "b0", "a0"]);
    assert_eq!(
        sets(&[&large, &small, &small, &large]),
        ["a0", "", "", "b0"]
    );
}

#[test]
fn a_damaged_head_is_refused() {
    let document = document(PART_BYTES_MAX, b'x');
    let head = split(&document, 41, None).unwrap().head;
    let checksum = head.checksum;
    let bytes = document.len();
    assert_eq!(
        head.to_string(),
        format!("penstock-ledger-head/1 41 {checksum} {bytes} a 2\n")
    );
    for damaged in [
        String::new(),
        head.to_string().replace("/1", "/2"),
        head.to_string().replace(" a ", " c "),
        head.to_string().replace(" 41 ", " +41 "),
        head.to_string().replace(" 41 ", " 041 "),
        head.to_string().replace(" 2\n", " 3\n"),
        head.to_string().replace(" 2\n", " 0\n"),
        head.to_string().replace(" 2\n", " 2"),
        head.to_string().replace(" 2\n", " 2\n\n"),
        format!("penstock-ledger-head/1 41 {checksum} 99999999999 a 2\n"),
        format!("penstock-ledger-head/1 41 {checksum} 9999999999999999999999 a 2\n"),
        head.to_string().to_uppercase(),
    ] {
        assert_eq!(
            LedgerHead::parse(damaged.as_bytes()),
            Err(HeadError),
            "{damaged:?}"
        );
    }
    let read = |_: &str| Ok::<_, Infallible>(Vec::new());
    assert_eq!(join(b"", read), Err(JoinError::Head(HeadError)));
}

#[test]
fn secrets_have_the_names_of_the_page() {
    let names: Vec<String> = PartName::all().map(|name| name.secret("mine")).collect();
    assert_eq!(names.len(), 2 * PARTS_MAX);
    assert_eq!(head_secret("mine"), "mine-ledger");
    assert_eq!(
        (names[0].as_str(), names[15].as_str()),
        ("mine-ledger-a0", "mine-ledger-b7")
    );
    let page = include_str!("../../../docs/formats/ledger.md");
    for name in [
        "RELEASE-ledger`",
        "RELEASE-ledger-a0`",
        "RELEASE-ledger-b7`",
    ] {
        assert!(page.contains(name), "{name}");
    }
    for key in [HEAD_KEY, WHOLE_KEY, VERIFY_KEYS_KEY, BEARER_KEY] {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..200_usize,
        650_000..800_000_usize,
        1_400_000..1_500_000_usize
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A reader at any moment of any number of replacements sees a whole document or an error: never one that was
    /// not written, and always the last committed one when it sees all that was written.
    #[test]
    fn a_reader_never_sees_a_mixture(
        written in proptest::collection::vec((sizes(), any::<u8>()), 1..5),
        seen_parts in proptest::collection::vec(any::<bool>(), 16),
    ) {
        let mut mount = Mount::default();
        let mut before = mount.clone();
        let mut previous = None;
        let mut last: Option<Vec<u8>> = None;
        for (revision, (bytes, filler)) in written.into_iter().enumerate() {
            let document = document(bytes, filler);
            let split = split(&document, revision as u64, previous.as_ref()).unwrap();
            mount.write_parts(&split);
            if let Some(last) = &last {
                prop_assert_eq!(&mount.read().unwrap(), last, "not committed yet");
            }
            mount.write_head(&split);
            prop_assert_eq!(&mount.read().unwrap(), &document);
            // kubelet has looked at some Secrets before, at others after this replacement.
            let mut torn = mount.clone();
            for (name, _) in PartName::all().zip(&seen_parts).filter(|(_, seen)| !**seen) {
                match before.0.get(&name.to_string()) {
                    Some(old) => torn.0.insert(name.to_string(), old.clone()),
                    None => torn.0.remove(&name.to_string()),
                };
            }
            if let Ok(read) = torn.read() {
                prop_assert_eq!(&read, &document);
            }
            previous = Some(split.head);
            before = mount.clone();
            last = Some(document);
        }
    }

    #[test]
    fn any_head_is_answered(head in "[ -~\\n]{0,120}") {
        let read = |_: &str| Ok::<_, Infallible>(Vec::new());
        prop_assert!(join(head.as_bytes(), read).is_err());
    }
}
