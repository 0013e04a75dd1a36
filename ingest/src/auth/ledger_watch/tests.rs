use std::path::{Path, PathBuf};

use penstock_model::{Clock, Timestamp};
use penstock_tenancy::{LedgerFault, SigningKey, sign};
use prometheus_client::registry::Registry;

use super::*;
use crate::ledger_fixture::{ledger, signing_key};
use crate::limit::Quotas;
use crate::manual_clock::ManualClock;

/// A data volume and a mount that outlive the process that uses them.
struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let machine = Self { directory };
        machine.trust(&[&signing_key(1)]);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn trust(&self, keys: &[&SigningKey]) {
        let lines: Vec<_> = keys
            .iter()
            .map(|key| key.verifying_key().to_string())
            .collect();
        std::fs::write(self.path("verify-keys"), lines.join("\n")).unwrap();
    }

    fn mount(&self, document: &[u8]) {
        std::fs::write(self.path("mounted"), document).unwrap();
    }

    fn start(&self) -> LedgerWatch {
        let watch = self.start_on(&self.path("data"));
        watch.load_at_start();
        watch
    }

    fn start_on(&self, data: &Path) -> LedgerWatch {
        let source = LedgerSource::Signed {
            path: self.path("mounted"),
            verify_keys_file: self.path("verify-keys"),
            bearer_file: self.path("bearer"),
        };
        watch_of(&source, data)
    }
}

fn watch_of(source: &LedgerSource, data: &Path) -> LedgerWatch {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let quotas = Quotas::new(Arc::clone(&clock));
    let authenticator = Arc::new(Authenticator::new(clock, quotas));
    let metrics = Metrics::register(&mut Registry::default());
    let volumes = Arc::new(Volumes::alone());
    LedgerWatch::new(authenticator, volumes, metrics, source, data)
}

fn signed(revision: u64) -> Vec<u8> {
    signed_by(revision, 1)
}

fn signed_by(revision: u64, key: u8) -> Vec<u8> {
    sign(&ledger(revision), &signing_key(key)).unwrap()
}

fn revision(watch: &LedgerWatch) -> Option<u64> {
    watch.status().revision
}

fn rejections(watch: &LedgerWatch, origin: LedgerOrigin) -> u64 {
    watch
        .metrics
        .ledger_rejections
        .get_or_create(&LedgerLabels { origin })
        .get()
}

#[test]
fn the_mounted_file_is_taken_at_start_and_on_change() {
    let machine = Machine::new();
    let watch = machine.start();
    assert_eq!(revision(&watch), None, "no ledger yet");
    machine.mount(&signed(5));
    watch.poll();
    assert_eq!(revision(&watch), Some(5));
    machine.mount(&signed(6));
    watch.poll();
    assert_eq!(revision(&watch), Some(6));
    assert!(!*watch.confirmed().borrow(), "a file confirms nothing");
}

#[test]
fn a_damaged_file_keeps_the_last_good_one_and_says_so() {
    let machine = Machine::new();
    machine.mount(&signed(5));
    let watch = machine.start();
    let mut damaged = signed(6);
    let at = damaged.len() - 20;
    damaged[at] ^= 1;
    for document in [damaged.as_slice(), &signed(6)[..300], b"", b"\xff\xfe junk"] {
        let before = rejections(&watch, LedgerOrigin::File);
        machine.mount(document);
        watch.poll();
        assert_eq!(revision(&watch), Some(5));
        assert_eq!(rejections(&watch, LedgerOrigin::File), before + 1);
        assert!(watch.status().last_refusal.is_some());
        watch.poll();
        assert_eq!(rejections(&watch, LedgerOrigin::File), before + 1, "once");
    }
    machine.mount(&signed(7));
    watch.poll();
    assert_eq!(revision(&watch), Some(7));
    assert_eq!(watch.status().last_refusal, None);
    std::fs::remove_file(machine.path("mounted")).unwrap();
    watch.poll();
    assert_eq!(revision(&watch), Some(7));
}

#[test]
fn a_post_takes_what_is_newer_and_confirms_what_is_there() {
    let machine = Machine::new();
    machine.mount(&signed(5));
    let watch = machine.start();
    let confirmed = watch.confirmed();
    let same = watch.post(&signed(5)).unwrap();
    assert_eq!(same.revision, 5);
    assert!(*confirmed.borrow());
    let newer = watch.post(&signed(9)).unwrap();
    assert_eq!(newer.revision, 9);
    assert_eq!(watch.status().checksum, Some(newer.checksum));
}

#[test]
fn replays_and_forgeries_change_nothing() {
    let machine = Machine::new();
    machine.mount(&signed(5));
    let watch = machine.start();
    let mut other = ledger(5);
    other.applications[0].tokens.clear();
    let conflict = sign(&other, &signing_key(1)).unwrap();
    let mut forged = signed(6);
    let text = String::from_utf8(forged.split_off(0)).unwrap();
    let forged = text.replacen("\"revision\":6", "\"revision\":7", 1);
    let cases = [
        (signed(4), "an old one, replayed"),
        (conflict, "another of the same revision"),
        (signed_by(6, 2), "of a signer that we do not trust"),
        (forged.into_bytes(), "changed after signing"),
        (signed(6)[..100].to_vec(), "cut short"),
        (Vec::new(), "nothing"),
    ];
    for (document, what) in cases {
        let before = rejections(&watch, LedgerOrigin::Post);
        watch.post(&document).unwrap_err();
        assert_eq!(revision(&watch), Some(5), "{what}");
        assert_eq!(rejections(&watch, LedgerOrigin::Post), before + 1, "{what}");
        assert!(!*watch.confirmed().borrow(), "{what}");
    }
}

#[test]
fn the_revision_does_not_fall_over_a_restart() {
    let machine = Machine::new();
    machine.mount(&signed(5));
    machine.start().post(&signed(9)).unwrap();

    // The mounted file was set back, or kubelet has not brought the new one yet.
    let watch = machine.start();
    assert_eq!(revision(&watch), Some(9));
    assert_eq!(watch.status().last_refusal, None, "that is no fault");
    watch.post(&signed(8)).unwrap_err();
    assert_eq!(watch.document().unwrap(), Some(signed(9)));

    // Mounted while we were away.
    machine.mount(&signed(10));
    assert_eq!(revision(&machine.start()), Some(10));
    assert_eq!(revision(&machine.start()), Some(10));
}

#[test]
fn a_damaged_copy_is_reported_and_the_mounted_file_serves() {
    let machine = Machine::new();
    machine.mount(&signed(5));
    machine.start();
    std::fs::write(machine.path("data").join("ledger/ledger"), "damaged").unwrap();
    let watch = machine.start();
    assert_eq!(revision(&watch), Some(5));
    assert_eq!(rejections(&watch, LedgerOrigin::Kept), 1);
    assert_eq!(watch.document().unwrap(), Some(signed(5)), "kept anew");
}

#[test]
fn a_ledger_is_in_force_although_it_cannot_be_kept() {
    let machine = Machine::new();
    // A file where the folder should be: no writing there.
    let data = machine.path("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("ledger"), "").unwrap();
    let watch = machine.start_on(&data);
    watch.post(&signed(5)).unwrap();
    assert_eq!(revision(&watch), Some(5));
    assert_eq!(watch.metrics.ledger_keep_errors.get(), 1);
    assert_eq!(watch.document().unwrap(), Some(signed(5)));

    std::fs::remove_file(data.join("ledger")).unwrap();
    watch.poll();
    assert_eq!(revision(&machine.start()), Some(5), "kept at the next poll");
}

#[test]
fn the_signer_can_be_changed_without_a_restart() {
    let machine = Machine::new();
    let watch = machine.start();
    watch.post(&signed_by(5, 1)).unwrap();
    watch.post(&signed_by(6, 2)).unwrap_err();
    machine.trust(&[&signing_key(1), &signing_key(2)]);
    watch.post(&signed_by(6, 2)).unwrap();
    machine.trust(&[&signing_key(2)]);
    watch.post(&signed_by(7, 1)).unwrap_err();
    assert_eq!(revision(&watch), Some(6));

    std::fs::write(machine.path("verify-keys"), "\nnot a key\n").unwrap();
    let refused = watch.post(&signed_by(8, 2)).unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with("verify-keys line 2: not a verifying key"),
        "{refused}"
    );
}

#[test]
fn after_the_wait_any_ledger_will_do_but_there_must_be_one() {
    let machine = Machine::new();
    let watch = machine.start();
    assert!(!watch.give_up_waiting());
    assert!(!*watch.confirmed().borrow());
    machine.mount(&signed(5));
    watch.poll();
    assert!(watch.give_up_waiting());
    assert!(*watch.confirmed().borrow());
}

#[test]
fn an_embedding_program_needs_no_signature_and_takes_none() {
    let directory = tempfile::tempdir().unwrap();
    let watch = watch_of(&LedgerSource::InProcess, directory.path());
    watch.load_at_start();
    watch.load(&ledger(5)).unwrap();
    assert!(*watch.confirmed().borrow());
    watch.load(&ledger(5)).unwrap();
    watch.load(&ledger(4)).unwrap_err();
    let refused = watch.post(&signed(6)).unwrap_err();
    assert!(matches!(refused, LedgerRefusal::NotSigned), "{refused}");
    assert_eq!(revision(&watch), Some(5));
    assert!(!directory.path().join("ledger").exists(), "nothing is kept");
}

#[test]
fn an_inconsistent_ledger_is_explained_to_the_end() {
    let machine = Machine::new();
    let watch = machine.start();
    let refusal = LedgerRefusal::Ledger(LedgerError::Fault(LedgerFault::NoReplicas));
    assert_eq!(
        refusal.explain(),
        "the ledger is refused: the ledger is inconsistent: replicas is 0"
    );
    assert_eq!(revision(&watch), None);
}

/// The mount as Secrets make it: the files of one folder.
fn mount_as_secrets(folder: &Path, document: &[u8], revision: u64) {
    let split = penstock_tenancy::secrets::split(document, revision, None).unwrap();
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("ledger"), split.whole.unwrap()).unwrap();
    std::fs::write(folder.join("head"), split.head.to_string()).unwrap();
}

#[test]
fn a_torn_mount_is_told_until_it_is_whole_again() {
    let machine = Machine::new();
    let folder = machine.path("mounted");
    mount_as_secrets(&folder, &signed(5), 5);
    let watch = machine.start();
    assert_eq!(revision(&watch), Some(5));

    std::fs::write(folder.join("ledger"), signed(6)).unwrap();
    watch.poll();
    assert_eq!(revision(&watch), Some(5));
    assert_eq!(rejections(&watch, LedgerOrigin::File), 1);
    let told = watch.status().last_refusal.unwrap();
    assert!(told.contains("do not belong together"), "{told}");

    // A good document by another way does not mend the mount, but a newer one makes it no news.
    watch.post(&signed(5)).unwrap();
    assert_eq!(watch.status().last_refusal, Some(told));
    mount_as_secrets(&folder, &signed(5), 5);
    watch.poll();
    assert_eq!(watch.status().last_refusal, None);
    assert_eq!(rejections(&watch, LedgerOrigin::File), 1);
}
