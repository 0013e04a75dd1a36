use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::crds;

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$" },
            "mode": { "type": "string", "enum": ["On", "Off"] },
            "count": { "type": "integer", "minimum": 1.0, "maximum": 10.0, "nullable": true },
            "paused": { "type": "boolean" },
            "expiresAt": { "type": "string", "format": "date-time" },
            "list": { "type": "array", "maxItems": 2, "items": { "type": "string" } },
            "tags": {
                "type": "object", "maxProperties": 2,
                "additionalProperties": { "type": "string", "maxLength": 3 }
            }
        }
    })
}

fn told(value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(&schema(), value, &FieldPath::of(["spec"]), &mut faults);
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn good_values_pass() {
    for value in [
        json!({"name": "a"}),
        json!({"name": "a", "count": null, "tags": {"a.b": "x"}, "list": ["x"]}),
        json!({"name": "a", "mode": "On", "count": 10, "paused": true}),
        json!({"name": "a", "expiresAt": "2027-01-31T12:00:00Z"}),
        json!({"name": "a", "expiresAt": "2027-01-31T12:00:00.5+01:00"}),
    ] {
        assert_eq!(told(&value), Vec::<String>::new(), "{value}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a wall of cases")]
fn each_fault_names_its_field_and_what_to_mend() {
    let cases = [
        (json!("text"), "spec: must be an object, not a string"),
        (json!({}), "spec.name: is required"),
        (
            json!({"name": 1}),
            "spec.name: must be a string, not a number",
        ),
        (
            json!({"name": null}),
            "spec.name: must be a string, not null",
        ),
        (
            json!({"name": "abcdef"}),
            "spec.name: has 6 characters, at most 5 are allowed",
        ),
        (json!({"name": "A"}), "spec.name: must match ^[a-z]+$"),
        (
            json!({"name": "a", "mode": "on"}),
            "spec.mode: must be one of On, Off, not \"on\"",
        ),
        (
            json!({"name": "a", "count": 0}),
            "spec.count: is 0, 1 to 10 are allowed",
        ),
        (
            json!({"name": "a", "count": 1.5}),
            "spec.count: must be a whole number, not 1.5",
        ),
        (
            json!({"name": "a", "count": "1"}),
            "spec.count: must be an integer, not a string",
        ),
        (
            json!({"name": "a", "paused": "yes"}),
            "spec.paused: must be a boolean, not a string",
        ),
        (
            json!({"name": "a", "list": ["a", "b", "c"]}),
            "spec.list: has 3 items, at most 2 are allowed",
        ),
        (
            json!({"name": "a", "list": ["a", 2]}),
            "spec.list[1]: must be a string, not a number",
        ),
        (
            json!({"name": "a", "tags": {"site": "paris"}}),
            "spec.tags.site: has 5 characters, at most 3 are allowed",
        ),
        (
            json!({"name": "a", "tags": {"a": "", "b": "", "c": ""}}),
            "spec.tags: has 3 entries, at most 2 are allowed",
        ),
        (
            json!({"name": "a", "expiresAt": "tomorrow"}),
            "spec.expiresAt: must be a moment such as 2027-01-31T12:00:00Z",
        ),
        (
            json!({"name": "a", "pause": true}),
            "spec.pause: unknown field; did you mean paused?",
        ),
        (
            json!({"name": "a", "expiresat": "x"}),
            "spec.expiresat: unknown field; did you mean expiresAt?",
        ),
        (
            json!({"name": "a", "colour": "x"}),
            "spec.colour: unknown field",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(told(&value), [expected], "{value}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    assert_eq!(told(&json!({"mode": 1, "count": 99})).len(), 3);
}

/// A keyword that this checker passed over would be a rule that standalone does not keep.
#[test]
fn our_definitions_use_no_keyword_that_is_not_checked() {
    const KEYWORDS: &[&str] = &[
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "nullable",
        "default",
        "description",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "maxItems",
        "maxProperties",
        "format",
        "x-kubernetes-validations",
    ];
    fn walk(schema: &Value) {
        let schema = schema.as_object().unwrap();
        for (keyword, value) in schema {
            assert!(KEYWORDS.contains(&keyword.as_str()), "{keyword}");
            match keyword.as_str() {
                "properties" => value.as_object().unwrap().values().for_each(walk),
                "items" | "additionalProperties" => walk(value),
                "format" => assert!(["date-time", "int64"].contains(&value.as_str().unwrap())),
                _ => {}
            }
        }
    }
    for crd in crds::all() {
        let crd = serde_json::to_value(crd).unwrap();
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
        walk(crd.pointer(spec).unwrap());
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(name|mode|count|list|tags|[a-z]{1,4})", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_is_answered(value in any_json()) {
        let needs_name = value.get("name").is_none_or(|name| !name.is_string());
        prop_assert!(!needs_name || !told(&value).is_empty());
    }
}
