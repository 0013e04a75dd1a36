use std::io;

use super::*;

/// A folder of manifests in memory, read again and again.
struct Folder {
    admission: Admission,
    files: BTreeMap<PathBuf, Text>,
    good: Desired,
}

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let mut folder = Self {
            admission: Admission::new(),
            files: BTreeMap::new(),
            good: Desired::default(),
        };
        for (name, text) in files {
            folder.put(name, text);
        }
        assert_eq!(folder.read(), Vec::<String>::new());
        folder
    }

    fn put(&mut self, name: &str, text: &str) {
        self.files.insert(PathBuf::from(name), Ok(text.to_owned()));
    }

    fn remove(&mut self, name: &str) {
        self.files.remove(Path::new(name));
    }

    fn read(&mut self) -> Vec<String> {
        let (desired, reports) = Desired::read(&self.files, &self.good, &self.admission);
        self.good = desired;
        reports.iter().map(ToString::to_string).collect()
    }

    fn objects(&self) -> Vec<String> {
        self.good
            .entries()
            .map(|(object, _)| object.to_string())
            .collect()
    }

    fn state(&self) -> Vec<penstock_api::State> {
        self.good.tokens().map(|token| token.spec().state).collect()
    }
}

fn application(name: &str) -> String {
    format!(
        "apiVersion: penstock.dev/v1alpha1\nkind: MetricsApplication\nmetadata: {{name: {name}}}\nspec: {{}}\n"
    )
}

fn token(spec: &str) -> String {
    format!(
        "apiVersion: penstock.dev/v1alpha1\nkind: WriteToken\nmetadata:\n  name: sensors\nspec:\n  \
         applicationRef: {{name: mill}}\n{spec}"
    )
}

const MILL: &str = "MetricsApplication default/mill";
const SENSORS: &str = "WriteToken default/sensors";

#[test]
fn documents_become_objects() {
    let both = format!("{}---\n{}", application("mill"), token(""));
    let folder = Folder::with(&[("a.yaml", &both), ("b.yaml", "kind: Pod\napiVersion: v1\n")]);
    assert_eq!(folder.objects(), [MILL, SENSORS]);
}

#[test]
fn a_fault_is_told_with_file_line_and_field_and_changes_nothing() {
    let mut folder = Folder::with(&[("a.yaml", &token("  state: Paused\n"))]);
    folder.put("a.yaml", &token("  state: Sleepy\n  colour: red\n"));
    let told = folder.read();
    assert_eq!(
        told,
        [
            format!("a.yaml:8: {SENSORS}: spec.colour: unknown field"),
            format!(
                "a.yaml:7: {SENSORS}: spec.state: must be one of Active, Paused, Revoked, not \"Sleepy\""
            ),
        ]
    );
    assert_eq!(folder.state(), [penstock_api::State::Paused]);
}

#[test]
fn transition_rules_are_checked_against_the_last_good_manifest() {
    let mut folder = Folder::with(&[("a.yaml", &token("  state: Revoked\n"))]);
    folder.put("a.yaml", &token("  state: Active\n"));
    assert_eq!(
        folder.read(),
        [format!(
            "a.yaml:7: {SENSORS}: spec.state: Revoked is final: make another token"
        )]
    );
    assert_eq!(folder.state(), [penstock_api::State::Revoked]);
    folder.put("a.yaml", &token("  state: Broken\n"));
    folder.read();
    folder.put("a.yaml", &token(""));
    assert_eq!(
        folder.read().len(),
        1,
        "a broken one in between changes nothing"
    );
}

#[test]
fn an_empty_or_unreadable_or_unparsable_file_keeps_what_it_held() {
    let mut folder = Folder::with(&[("a.yaml", &application("mill"))]);
    for (text, told) in [
        (Ok(String::new()), "a.yaml:1: is empty: what it held stays"),
        (
            Ok("# half\n".to_owned()),
            "a.yaml:1: is empty: what it held stays",
        ),
        (
            Err(io::Error::other("unreadable").into()),
            "a.yaml: unreadable",
        ),
    ] {
        folder.files.insert(PathBuf::from("a.yaml"), text);
        assert_eq!(folder.read(), [told]);
        assert_eq!(folder.objects(), [MILL]);
    }
    folder.put("a.yaml", "kind: [\n");
    assert!(folder.read()[0].starts_with("a.yaml:"));
    assert_eq!(folder.objects(), [MILL]);
}

#[test]
fn a_manifest_without_a_name_keeps_what_its_file_held() {
    let mut folder = Folder::with(&[("a.yaml", &application("mill"))]);
    folder.put("a.yaml", &application(""));
    assert_eq!(folder.read(), ["a.yaml:3: metadata.name: is required"]);
    assert_eq!(folder.objects(), [MILL]);
    folder.put(
        "stray.yaml",
        "apiVersion: penstock.dev/v1alpha1\nkind: Kettle\n",
    );
    assert_eq!(
        folder.read()[1],
        "stray.yaml:2: kind: must be one of MetricsApplication, WriteToken, ReadToken, not Kettle"
    );
}

#[test]
fn a_good_manifest_counts_beside_a_broken_one() {
    let mut folder = Folder::with(&[("a.yaml", &token(""))]);
    let text = format!("{}---\n{}", token("  state: Sleepy\n"), application("mill"));
    folder.put("a.yaml", &text);
    assert_eq!(folder.read().len(), 1);
    assert_eq!(folder.objects(), [MILL, SENSORS]);
}

#[test]
fn what_its_file_no_longer_holds_is_gone() {
    let both = format!("{}---\n{}", application("mill"), token(""));
    let mut folder = Folder::with(&[("a.yaml", &both)]);
    folder.put("a.yaml", &application("mill"));
    folder.read();
    assert_eq!(folder.objects(), [MILL]);
    folder.remove("a.yaml");
    folder.read();
    assert_eq!(folder.objects(), Vec::<String>::new());
}

#[test]
fn an_object_that_moves_to_another_file_is_the_same() {
    let mut folder = Folder::with(&[("b.yaml", &token("  state: Revoked\n"))]);
    folder.remove("b.yaml");
    folder.put("a.yaml", &token(""));
    assert_eq!(folder.read().len(), 1, "still revoked");
    assert_eq!(folder.objects(), [SENSORS]);
}

#[test]
fn two_manifests_of_one_object_are_told() {
    let mut folder = Folder::with(&[("a.yaml", &application("mill"))]);
    folder.put("b.yaml", &application("mill"));
    assert_eq!(
        folder.read(),
        [format!(
            "b.yaml:3: {MILL}: metadata.name: stands in a.yaml too, which counts"
        )]
    );
}

#[test]
fn an_object_can_be_taken_back() {
    let mut folder = Folder::with(&[("a.yaml", &token("  state: Paused\n"))]);
    let good = folder.good.clone();
    folder.put("a.yaml", &token(""));
    folder.read();
    let object = good.entries().next().unwrap().0.clone();
    assert!(folder.good.take_back(&object, &good));
    assert!(!folder.good.take_back(&object, &good), "it is back already");
    assert_eq!(folder.good, good);
    folder.good.remove(&object);
    assert!(!folder.good.take_back(&object, &good));
}
