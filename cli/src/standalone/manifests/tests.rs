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
fn what_is_no_yaml_is_told_with_its_line_and_field() {
    for (text, line, field, message) in [
        ("a: 1\nb: [\n", 3, "b[0]", "line 3 column 1, while parsing"),
        (
            "a: 1\n  b: 2\n",
            2,
            "a",
            "not allowed in this context at line 2 column 4",
        ),
        ("a: \"open\n", 2, "a", "unexpected end of stream"),
        (
            "a: 1\nspec:\n  tags: {x: 1\nb: 2\n",
            4,
            "spec.tags.x",
            "expected ',' or '}'",
        ),
        ("---\na: 1\n---\n\tb: 2\n", 4, "", "cannot start any token"),
        (
            "spec:\n  list:\n  - x\n  - *gone\n",
            4,
            "spec.list[1]",
            "unknown anchor",
        ),
        (
            "a: {b: 18446744073709551616}\n",
            1,
            "a.b",
            "18446744073709551616",
        ),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4, "a.b", "duplicate entry"),
        ("---\na: 1\n---\na: 1\na: 2\n", 5, "a", "duplicate entry"),
        (
            "a:\n  b: 1\n  ? [c]\n  : 1\n",
            3,
            "a",
            "key must be a string",
        ),
        ("a: 1\nb: 'x\u{1}'\n", 2, "b", "control characters"),
        ("{\"a\": 1,}}", 1, "", "line 1 column 10"),
    ] {
        let broken = parse(text).unwrap_err();
        assert_eq!(broken.line, Some(line), "{text:?}: {broken:?}");
        assert_eq!(broken.field.to_string(), field, "{text:?}: {broken:?}");
        assert!(broken.message.contains(message), "{text:?}: {broken:?}");
    }
}

#[test]
fn what_is_no_text_is_told_with_its_line_and_field() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, line, field) in [
        (&b"\xff\xfe"[..], 1, ""),
        (
            b"kind: A\nspec:\n  tags:\n    site: p\xe9rou\n",
            4,
            "spec.tags.site",
        ),
    ] {
        fs::write(folder.path().join("a.yaml"), bytes).unwrap();
        let files = read_folder(folder.path()).unwrap();
        let broken = files.into_values().next().unwrap().unwrap_err();
        assert_eq!(broken.line, Some(line), "{broken:?}");
        assert_eq!(broken.field.to_string(), field, "{broken:?}");
        assert!(broken.message.contains("UTF-8"), "{broken:?}");
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
