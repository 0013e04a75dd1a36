use std::fs;

use penstock_tenancy::{Credential, LedgerToken, TokenState};

use super::*;

/// A standalone server without the server: the loop's rounds, on real files.
struct Rounds {
    folder: tempfile::TempDir,
    refresher: Refresher,
    loaded: Vec<Ledger>,
    now: i64,
}

impl Rounds {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("manifests")).unwrap();
        fs::create_dir_all(folder.path().join("data")).unwrap();
        let refresher = open(folder.path());
        let mut rounds = Self {
            folder,
            refresher,
            loaded: Vec::new(),
            now: 1_000,
        };
        rounds.put("mill.yaml", &application(""));
        rounds.put("sensors.yaml", &token(""));
        rounds
    }

    fn put(&mut self, name: &str, text: &str) {
        fs::write(self.folder.path().join("manifests").join(name), text).unwrap();
    }

    fn remove(&mut self, name: &str) {
        fs::remove_file(self.folder.path().join("manifests").join(name)).unwrap();
    }

    /// One round; answers what is told now, without the folder's path.
    fn round(&mut self) -> Vec<String> {
        self.now += 1;
        let now = Timestamp::from_millis(self.now);
        let loaded = &mut self.loaded;
        let load = |ledger: &Ledger| {
            loaded.push(ledger.clone());
            Ok(())
        };
        self.refresher.refresh(now, load).unwrap();
        let prefix = self.folder.path().display().to_string();
        self.refresher
            .told
            .iter()
            .map(|told| told.replace(&prefix, ""))
            .collect()
    }

    fn restart(&mut self) {
        self.refresher = open(self.folder.path());
    }

    fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join("data").join(name)
    }

    fn key_file(&self, entry: &str) -> String {
        fs::read_to_string(self.data("secrets/default/sensors").join(entry)).unwrap()
    }

    fn ledger(&self) -> &Ledger {
        self.loaded.last().unwrap()
    }

    fn token(&self) -> Option<&LedgerToken> {
        self.ledger().tokens().map(|(_, token)| token).next()
    }

    /// Whether what stands in the key files is what the ledger takes.
    fn device_works(&self) -> bool {
        let credential = Credential::parse(self.key_file("token").as_bytes()).unwrap();
        let token = self
            .ledger()
            .tokens()
            .find(|(_, token)| token.id == credential.id());
        token.is_some_and(|(_, token)| token.key(credential.hash()).is_some())
    }
}

fn open(folder: &Path) -> Refresher {
    let data = folder.join("data");
    let publisher = Publisher::open(&data, &mut rand::rng()).unwrap();
    let endpoints = Endpoints {
        host: "localhost".to_owned(),
        port: 4242,
        ca: "PEM".to_owned(),
    };
    Refresher::new(&folder.join("manifests"), &data, publisher, endpoints)
}

fn application(spec: &str) -> String {
    format!(
        "apiVersion: penstock.dev/v1alpha1\nkind: MetricsApplication\nmetadata: {{name: mill}}\nspec: {{{spec}}}\n"
    )
}

fn token(spec: &str) -> String {
    format!(
        "apiVersion: penstock.dev/v1alpha1\nkind: WriteToken\nmetadata: {{name: sensors}}\n\
         spec:\n  applicationRef: {{name: mill}}\n{spec}"
    )
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_key_that_can_be_read_can_be_used() {
    let mut rounds = Rounds::new();
    assert_eq!(rounds.round(), NOTHING);
    assert!(rounds.device_works());
    assert_eq!(rounds.key_file("ca.crt"), "PEM");
}

#[test]
fn nothing_is_loaded_before_it_is_on_the_disk() {
    let mut rounds = Rounds::new();
    let folder = rounds.folder.path().to_owned();
    let load = |ledger: &Ledger| {
        let kept = open(&folder);
        assert_eq!(kept.publisher.ledger(), Some(ledger));
        assert!(folder.join("data/tenants.json").exists());
        assert!(folder.join("data/secrets/default/sensors/token").exists());
        Ok(())
    };
    rounds
        .refresher
        .refresh(Timestamp::from_millis(1), load)
        .unwrap();
}

#[test]
fn a_new_key_can_be_read_only_when_it_can_be_used() {
    let mut rounds = Rounds::new();
    rounds.remove("sensors.yaml");
    rounds.round();
    rounds.put("sensors.yaml", &token(""));
    let folder = rounds.folder.path().to_owned();
    let mut tokens = 0;
    let load = |ledger: &Ledger| {
        tokens = ledger.tokens().count();
        assert!(!folder.join("data/secrets/default/sensors").exists());
        assert_eq!(
            open(&folder).publisher.ledger(),
            Some(ledger),
            "kept before it is loaded"
        );
        Ok(())
    };
    rounds
        .refresher
        .refresh(Timestamp::from_millis(9), load)
        .unwrap();
    assert_eq!(tokens, 1);
    assert!(folder.join("data/secrets/default/sensors/token").exists());
}

#[test]
fn a_crash_before_the_key_is_seen_loses_no_key() {
    let mut rounds = Rounds::new();
    rounds.remove("sensors.yaml");
    rounds.round();
    rounds.put("sensors.yaml", &token(""));
    let refused = |_: &Ledger| Err(ServerError::StoreFailed("as if it had crashed".to_owned()));
    rounds
        .refresher
        .refresh(Timestamp::from_millis(9), refused)
        .unwrap_err();
    let kept = rounds.refresher.publisher.ledger().cloned();
    rounds.restart();
    rounds.round();
    assert_eq!(Some(rounds.ledger()), kept.as_ref());
    assert!(rounds.device_works());
}

#[test]
fn without_a_change_nothing_is_loaded_again() {
    let mut rounds = Rounds::new();
    rounds.round();
    rounds.round();
    assert_eq!(rounds.loaded.len(), 1);
}

#[test]
fn a_restart_finds_the_same_ids_keys_and_tenants() {
    let mut rounds = Rounds::new();
    rounds.round();
    let key = rounds.key_file("key");
    rounds.restart();
    rounds.round();
    assert_eq!(rounds.loaded[0], rounds.loaded[1]);
    assert_eq!(rounds.key_file("key"), key);
}

#[test]
fn a_vanished_token_is_refused_and_finds_its_key_again() {
    let mut rounds = Rounds::new();
    rounds.round();
    let before = rounds.key_file("token");
    rounds.remove("sensors.yaml");
    rounds.round();
    assert_eq!(rounds.token(), None);
    assert_eq!(rounds.key_file("token"), before, "the files are kept");
    rounds.restart();
    rounds.put("sensors.yaml", &token(""));
    rounds.round();
    assert_eq!(rounds.key_file("token"), before);
    assert!(rounds.device_works());
}

#[test]
fn a_vanished_application_finds_its_data_again() {
    let mut rounds = Rounds::new();
    rounds.round();
    let tenant = rounds.ledger().applications[0].tenant;
    rounds.remove("mill.yaml");
    assert_eq!(
        rounds.round(),
        [
            "/manifests/sensors.yaml:5: WriteToken default/sensors: spec.applicationRef.name: there is no usable \
          MetricsApplication default/mill (ApplicationNotFound)"
        ]
    );
    assert!(rounds.ledger().applications.is_empty());
    rounds.put("mill.yaml", &application("paused: true"));
    assert_eq!(rounds.round(), NOTHING);
    assert_eq!(rounds.ledger().applications[0].tenant, tenant);
    assert!(rounds.device_works());
}

#[test]
fn what_the_ledger_cannot_have_goes_back_to_the_last_good_manifest() {
    let mut rounds = Rounds::new();
    rounds.round();
    rounds.put("sensors.yaml", &token("  tags: {site: a b}\n"));
    assert_eq!(
        rounds.round(),
        [
            "/manifests/sensors.yaml:6: WriteToken default/sensors: spec.tags.site: the application's spec.charset \
          refuses the tag value: illegal character:  . Choose another, or another charset (TagConflict)"
        ]
    );
    assert_eq!(rounds.loaded.len(), 1, "nothing changed");
    rounds.put("sensors.yaml", &token("  tags: {site: paris}\n"));
    assert_eq!(rounds.round(), NOTHING);
    assert_eq!(rounds.token().unwrap().tags.get("site"), Some("paris"));
}

#[test]
fn a_broken_file_keeps_its_token_across_a_restart() {
    let mut rounds = Rounds::new();
    rounds.round();
    rounds.put("sensors.yaml", "kind: [");
    rounds.restart();
    assert_eq!(rounds.round().len(), 1);
    assert!(rounds.device_works());
    assert!(rounds.token().is_some());
}

#[test]
fn revoked_is_final_even_if_everything_was_deleted_in_between() {
    let mut rounds = Rounds::new();
    rounds.put("sensors.yaml", &token("  state: Revoked\n"));
    rounds.round();
    rounds.remove("sensors.yaml");
    rounds.round();
    rounds.restart();
    rounds.put("sensors.yaml", &token(""));
    assert_eq!(rounds.round().len(), 1);
    assert_eq!(rounds.token().unwrap().state, TokenState::Revoked);
}

#[test]
fn a_users_own_key_is_taken_from_a_secret() {
    let mut rounds = Rounds::new();
    let own = |key: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: own}}\nstringData: {{key: {key}}}\n"
        )
    };
    rounds.put(
        "sensors.yaml",
        &token("  key: {secretRef: {name: own, key: key}}\n"),
    );
    assert_eq!(
        rounds.round(),
        [
            "/manifests/sensors.yaml:6: WriteToken default/sensors: spec.key.secretRef: there is no Secret default/own: \
          make it, and the token is taken up (SourceMissing)"
        ]
    );
    let first = "0123456789abcdefghijABCDEFGHIJ01";
    rounds.put("own.yaml", &own(first));
    assert_eq!(rounds.round(), NOTHING);
    assert_eq!(rounds.key_file("key"), first);
    assert!(rounds.device_works());
    let second = "0123456789abcdefghijABCDEFGHIJ02";
    rounds.put("own.yaml", &own(second));
    rounds.round();
    assert_eq!(rounds.key_file("key"), second);
    assert!(rounds.device_works());
    rounds.put("own.yaml", &own("short"));
    assert_eq!(rounds.round().len(), 1);
    assert!(rounds.device_works(), "a weak key changes nothing");
}

#[test]
fn a_key_of_which_only_the_hash_is_known_stands_in_no_file() {
    let mut rounds = Rounds::new();
    let hash = penstock_tenancy::KeyHash::of(b"0123456789abcdefghijABCDEFGHIJ01");
    rounds.put(
        "own.yaml",
        &format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: own}}\nstringData: {{hash: '{hash}'}}\n"),
    );
    rounds.round();
    rounds.put(
        "sensors.yaml",
        &token("  key: {hashRef: {name: own, key: hash}}\n"),
    );
    assert_eq!(rounds.round(), NOTHING);
    assert!(!rounds.data("secrets/default/sensors/key").exists());
    assert!(!rounds.data("secrets/default/sensors/token").exists());
    assert_eq!(rounds.key_file("id"), rounds.token().unwrap().id.as_str());
    assert_eq!(rounds.token().unwrap().keys[0].hash, hash);
}

#[test]
fn a_removed_key_file_draws_a_new_key() {
    let mut rounds = Rounds::new();
    rounds.round();
    let (id, key) = (rounds.key_file("id"), rounds.key_file("key"));
    fs::remove_file(rounds.data("secrets/default/sensors/key")).unwrap();
    rounds.round();
    assert_eq!(rounds.key_file("id"), id);
    assert_ne!(rounds.key_file("key"), key);
    assert!(rounds.device_works());
}

#[test]
fn a_damaged_key_file_is_told_and_the_device_goes_on() {
    let mut rounds = Rounds::new();
    rounds.round();
    let mut damaged = rounds.key_file("key").into_bytes();
    damaged[20] ^= 1;
    fs::write(rounds.data("secrets/default/sensors/key"), damaged).unwrap();
    let told = rounds.round();
    assert!(
        told[0].starts_with("/data/secrets/default/sensors/key: is not the key"),
        "{told:?}"
    );
    assert_eq!(rounds.loaded.len(), 1);
    assert!(rounds.device_works());
}

#[test]
fn a_crash_between_key_file_and_ledger_loses_no_key() {
    let mut rounds = Rounds::new();
    rounds.round();
    // As if the server had stopped after it had replaced the key and before it wrote the ledger.
    let mut rng = rand::rng();
    let key = penstock_tenancy::Key::draw(&mut rng, penstock_tenancy::Permission::Write);
    fs::write(rounds.data("secrets/default/sensors/key"), key.expose()).unwrap();
    rounds.restart();
    rounds.round();
    assert_eq!(rounds.key_file("key"), key.expose());
    assert!(rounds.device_works());
}

#[test]
fn a_secret_can_be_renamed_and_keeps_its_key() {
    let mut rounds = Rounds::new();
    rounds.round();
    let before = rounds.key_file("token");
    rounds.put("sensors.yaml", &token("  secret: {name: for-devices}\n"));
    rounds.round();
    let after = fs::read_to_string(rounds.data("secrets/default/for-devices/token")).unwrap();
    assert_eq!(after, before);
}

#[test]
fn a_reader_never_gets_a_writers_key() {
    let mut rounds = Rounds::new();
    rounds.round();
    let before = rounds.key_file("token");
    rounds.remove("sensors.yaml");
    rounds.round();
    rounds.put(
        "sensors.yaml",
        &token("").replace("WriteToken", "ReadToken"),
    );
    assert_eq!(rounds.round(), NOTHING);
    assert_ne!(rounds.key_file("token"), before);
    assert!(rounds.key_file("key").starts_with("pstkr"));
    assert!(!rounds.data("secrets/default/sensors/telnet-auth").exists());
}

#[test]
fn damaged_state_is_not_begun_upon() {
    let mut rounds = Rounds::new();
    rounds.round();
    for file in ["tenants.json", "ledger.signed"] {
        let good = fs::read(rounds.data(file)).unwrap();
        let mut damaged = good.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 4;
        fs::write(rounds.data(file), damaged).unwrap();
        assert!(
            Publisher::open(&rounds.data(""), &mut rand::rng()).is_err(),
            "{file}"
        );
        fs::write(rounds.data(file), good).unwrap();
    }
}
