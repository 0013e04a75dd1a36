use serde_json::json;

use super::*;

fn values(text: &str) -> Vec<Value> {
    parse(text)
        .unwrap()
        .into_iter()
        .map(|document| document.manifest)
        .collect()
}

#[test]
fn a_file_may_hold_many_documents() {
    let text = "---\na: 1\n---\n# nothing\n---\nb: [x, 2, true, null]\n...\n";
    assert_eq!(
        values(text),
        [json!({"a": 1}), json!({"b": ["x", 2, true, null]})]
    );
    assert_eq!(values(""), Vec::<Value>::new());
    assert_eq!(values("# only a comment\n"), Vec::<Value>::new());
    assert_eq!(values("{\"a\": \"json\"}"), [json!({"a": "json"})]);
    assert_eq!(
        values("at: 2027-01-31T12:00:00Z"),
        [json!({"at": "2027-01-31T12:00:00Z"})]
    );
    let numbers: Vec<_> = parse(text)
        .unwrap()
        .iter()
        .map(|document| document.number)
        .collect();
    assert_eq!(numbers.len(), 2);
    assert!(numbers[0] < numbers[1]);
}

#[test]
fn a_list_is_its_items() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- kind: A\n- apiVersion: v1\n  kind: List\n  items: [{kind: B}]\n";
    let documents = parse(text).unwrap();
    let told: Vec<_> = documents
        .iter()
        .map(|document| (document.manifest.clone(), document.root.to_string()))
        .collect();
    assert_eq!(
        told,
        [
            (json!({"kind": "A"}), "items[0]".to_owned()),
            (json!({"kind": "B"}), "items[1].items[0]".to_owned()),
        ]
    );
    // Items of anything else are its own affair.
    assert_eq!(
        values("kind: Box\nitems: [1]"),
        [json!({"kind": "Box", "items": [1]})]
    );
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    for (text, line) in [
        ("a: 1\nb: [\n", None),
        ("a: 1\n  b: 2\n", Some(2)),
        ("a: 1\na: 2\n", None),
        ("a: \"open\n", None),
        ("---\na: 1\n---\n\tb: 2\n", Some(4)),
    ] {
        let unparsable = parse(text).unwrap_err();
        if let Some(line) = line {
            assert_eq!(unparsable.line, Some(line), "{text:?}: {unparsable:?}");
        }
        assert!(!unparsable.message.is_empty());
    }
}

#[test]
fn only_manifest_files_are_read_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "b.yaml",
        "a.yml",
        "c.json",
        ".hidden.yaml",
        "notes.txt",
        "a.yaml~",
        "plain",
    ] {
        fs::write(folder.path().join(name), "kind: A").unwrap();
    }
    fs::create_dir(folder.path().join("folder.yaml")).unwrap();
    fs::write(folder.path().join("binary.yaml"), [0xff, 0xfe]).unwrap();
    let files = read_folder(folder.path()).unwrap();
    let names: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.file_name().unwrap().to_str().unwrap(), text.is_ok()))
        .collect();
    assert_eq!(
        names,
        [
            ("a.yml", true),
            ("b.yaml", true),
            ("binary.yaml", false),
            ("c.json", true)
        ]
    );
    assert!(read_folder(&folder.path().join("none")).is_err());
}
