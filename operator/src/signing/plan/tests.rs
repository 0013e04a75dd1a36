use super::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + minutes * 60_000)
}

fn step(keys: Keys, wish: Option<&str>, minutes: i64) -> Option<Keys> {
    keys.step(wish, at(minutes), || Ok(key(2))).unwrap()
}

fn ids(keys: &Keys) -> Vec<String> {
    keys.believed().iter().map(VerifyingKey::id).collect()
}

/// As it is read back from its Secret.
fn kept(keys: &Keys) -> Keys {
    Keys::from_data(&keys.to_data()).unwrap()
}

#[test]
fn nobody_asks_nothing_happens() {
    assert!(step(Keys::new(key(1)), None, 0).is_none());
}

#[test]
fn a_new_key_is_shown_first_signs_then_and_the_old_one_goes_last() {
    let (old, new) = (key(1).verifying_key().id(), key(2).verifying_key().id());
    let shown = step(Keys::new(key(1)), Some("a"), 0).unwrap();
    assert_eq!(ids(&kept(&shown)), [old.clone(), new.clone()]);
    assert_eq!(shown.key.verifying_key().id(), old);
    assert!(step(kept(&shown), Some("a"), 4).is_none());
    let signs = step(kept(&shown), Some("a"), 5).unwrap();
    assert_eq!(signs.key.verifying_key().id(), new);
    assert_eq!(ids(&kept(&signs)), [new.clone(), old]);
    assert!(step(kept(&signs), Some("b"), 64).is_none(), "one at a time");
    let done = step(kept(&signs), Some("a"), 65).unwrap();
    assert_eq!(ids(&kept(&done)), [new]);
    assert!(
        step(kept(&done), Some("a"), 66).is_none(),
        "one wish, one key"
    );
    assert!(step(kept(&done), Some("b"), 66).is_some());
}

#[test]
fn a_damaged_secret_is_named_by_its_entry() {
    let damaged = |change: &dyn Fn(&mut BTreeMap<String, ByteString>)| {
        let mut data = step(Keys::new(key(1)), Some("a"), 0).unwrap().to_data();
        change(&mut data);
        Keys::from_data(&data).unwrap_err().to_string()
    };
    let told = |entry: &str| format!("its entry `{entry}` is missing or damaged");
    let set = |entry: &'static str, text: &'static str| {
        move |data: &mut BTreeMap<String, ByteString>| {
            data.insert(entry.to_owned(), ByteString(text.as_bytes().to_vec()));
        }
    };
    assert_eq!(damaged(&|data| drop(data.remove("key"))), told("key"));
    assert_eq!(damaged(&set("key", "abc")), told("key"));
    assert_eq!(
        damaged(&|data| drop(data.remove("next-since"))),
        told("next-since")
    );
    assert_eq!(damaged(&set("next-since", "soon")), told("next-since"));
    assert_eq!(damaged(&set("previous", "abc")), told("previous"));
}

#[test]
fn a_key_is_never_shown_by_debug() {
    let keys = step(Keys::new(key(1)), Some("a"), 0).unwrap();
    let shown = format!("{keys:?}");
    assert!(
        !shown.contains(&key(1).expose()) && !shown.contains(&key(2).expose()),
        "{shown}"
    );
}
