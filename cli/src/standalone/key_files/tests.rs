use std::os::unix::fs::PermissionsExt as _;

use super::*;

const KEY: &str = "0123456789abcdefghijABCDEFGHIJ99";

fn secret(name: &str) -> SecretName {
    SecretName {
        namespace: "team".to_owned(),
        name: name.to_owned(),
    }
}

fn writer() -> Entries {
    Entries::from([("id", "AbCdEfGhIjK1".to_owned()), ("key", KEY.to_owned())])
}

fn stage(files: &KeyFiles, secret: &SecretName, entries: &Entries) -> Secrets {
    files
        .stage(Secrets::from([(secret.clone(), entries.clone())]))
        .unwrap()
}

fn write(files: &KeyFiles, secret: &SecretName, entries: &Entries) {
    let staged = stage(files, secret, entries);
    files.reveal(&staged).unwrap();
}

fn files(folder: &tempfile::TempDir) -> KeyFiles {
    KeyFiles::new(folder.path().join("secrets"))
}

#[test]
fn each_entry_is_a_file_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    write(&files, &secret("sensors"), &writer());
    let path = folder.path().join("secrets/team/sensors/key");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        KEY,
        "without a line end"
    );
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn what_is_kept_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    assert!(files.read().unwrap().is_empty());
    write(&files, &secret("sensors"), &writer());
    let mut reader = writer();
    reader.insert("query-url", "https://localhost".to_owned());
    reader.remove("key");
    write(&files, &secret("grafana"), &reader);
    let kept = files.read().unwrap();
    let sensors = &kept[&secret("sensors")];
    assert_eq!(sensors.permission, Permission::Write);
    assert_eq!(sensors.key, Some(Ok(Key::parse(KEY).unwrap())));
    let grafana = &kept[&secret("grafana")];
    assert_eq!(
        (grafana.permission, &grafana.key),
        (Permission::Read, &None)
    );
}

#[test]
fn damaged_entries_are_told_from_missing_ones() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    write(&files, &secret("sensors"), &writer());
    let at = files.folder(&secret("sensors"));
    fs::write(at.join("key"), [0xff; 40]).unwrap();
    assert_eq!(
        files.read().unwrap()[&secret("sensors")].key,
        Some(Err(KeyError::TooShort))
    );
    fs::write(at.join("id"), "x").unwrap();
    assert!(files.read().unwrap().is_empty());
}

#[test]
fn one_damaged_file_does_not_give_a_token_another_id() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    let id = "AbCdEfGhIjK1";
    let mut whole = writer();
    whole.insert("token", format!("{id}:{KEY}"));
    whole.insert("telnet-auth", format!("auth {id}:{KEY}"));
    let at = files.folder(&secret("sensors"));
    for name in ["id", "token", "telnet-auth"] {
        for damaged in [whole[name].replace('E', "F"), String::new()] {
            write(&files, &secret("sensors"), &whole);
            fs::write(at.join(name), &damaged).unwrap();
            let kept = files.read().unwrap();
            assert_eq!(
                kept[&secret("sensors")].id.to_string(),
                id,
                "{name}: {damaged}"
            );
        }
    }
}

#[test]
fn what_is_right_is_not_staged_and_what_is_not_asked_for_goes() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    write(&files, &secret("sensors"), &writer());
    assert!(stage(&files, &secret("sensors"), &writer()).is_empty());
    let at = files.folder(&secret("sensors"));
    fs::write(at.join("id"), "edited").unwrap();
    fs::write(at.join("telnet-auth"), "old").unwrap();
    write(&files, &secret("sensors"), &writer());
    assert_eq!(fs::read_to_string(at.join("id")).unwrap(), "AbCdEfGhIjK1");
    assert!(!at.join("telnet-auth").exists());
}

#[test]
fn what_is_staged_is_kept_and_not_yet_seen() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    assert_eq!(stage(&files, &secret("sensors"), &writer()).len(), 1);
    assert!(!files.folder(&secret("sensors")).exists());
    let kept = files.read().unwrap();
    assert_eq!(kept[&secret("sensors")].id.as_str(), "AbCdEfGhIjK1");
}

/// Whichever of the renames a crash comes before, the id and the key are those that were staged.
#[test]
fn what_is_half_revealed_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    let mut reader = writer();
    reader.insert("query-url", "https://localhost".to_owned());
    write(&files, &secret("sensors"), &reader);
    let mut changed = writer();
    changed.insert("id", "AbCdEfGhIjK2".to_owned());
    stage(&files, &secret("sensors"), &changed);
    let (staged, place) = (
        files.staged_folder(&secret("sensors")),
        files.folder(&secret("sensors")),
    );
    fs::remove_file(place.join("query-url")).unwrap();
    for name in ["id", "key"] {
        let kept = &files.read().unwrap()[&secret("sensors")];
        assert_eq!(kept.id.as_str(), "AbCdEfGhIjK2", "before {name}");
        assert_eq!(kept.permission, Permission::Write);
        assert_eq!(kept.key, Some(Ok(Key::parse(KEY).unwrap())));
        fs::rename(staged.join(name), place.join(name)).unwrap();
    }
    assert_eq!(
        files.read().unwrap()[&secret("sensors")].id.as_str(),
        "AbCdEfGhIjK2"
    );
}

#[test]
fn only_what_changed_is_staged_of_many() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    let many = || {
        (0..40)
            .map(|n| (secret(&format!("s{n}")), writer()))
            .collect::<Secrets>()
    };
    let staged = files.stage(many()).unwrap();
    assert_eq!(staged.len(), 40);
    files.reveal(&staged).unwrap();
    let mut changed = many();
    changed
        .get_mut(&secret("s7"))
        .unwrap()
        .insert("ca.crt", "PEM".to_owned());
    let staged = files.stage(changed).unwrap();
    assert_eq!(staged.keys().collect::<Vec<_>>(), [&secret("s7")]);
}
