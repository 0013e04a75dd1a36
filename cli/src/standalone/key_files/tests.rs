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

fn files(folder: &tempfile::TempDir) -> KeyFiles {
    KeyFiles::new(folder.path().join("secrets"))
}

#[test]
fn each_entry_is_a_file_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    files.write(&secret("sensors"), &writer()).unwrap();
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
    files.write(&secret("sensors"), &writer()).unwrap();
    let mut reader = writer();
    reader.insert("query-url", "https://localhost".to_owned());
    reader.remove("key");
    files.write(&secret("grafana"), &reader).unwrap();
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
    files.write(&secret("sensors"), &writer()).unwrap();
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
fn what_is_right_is_not_touched_and_what_is_not_asked_for_goes() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder);
    files.write(&secret("sensors"), &writer()).unwrap();
    let at = files.folder(&secret("sensors"));
    let written = fs::metadata(at.join("key")).unwrap().modified().unwrap();
    fs::write(at.join("id"), "edited").unwrap();
    fs::write(at.join("telnet-auth"), "old").unwrap();
    files.write(&secret("sensors"), &writer()).unwrap();
    assert_eq!(
        fs::metadata(at.join("key")).unwrap().modified().unwrap(),
        written
    );
    assert_eq!(fs::read_to_string(at.join("id")).unwrap(), "AbCdEfGhIjK1");
    assert!(!at.join("telnet-auth").exists());
}
