//! Checks a value against a structural schema: the part of admission that is no CEL.
//!
//! A resource definition's schema is not JSON Schema: it has no references, it says `nullable`, and with
//! `kubectl`'s strict validation a field that it does not name is an error. The subset that
//! our definitions use is closed, and a test holds them to it:
//!
//! ```text
//!   type  properties  required  additionalProperties  items  enum  nullable  default  description
//!   minimum  maximum  minLength  maxLength  pattern  maxItems  maxProperties  format: date-time, int64
//! ```

use k8s_openapi::jiff;
use regex::Regex;
use serde_json::{Map, Value};

use crate::field_fault::FieldFault;
use crate::field_path::FieldPath;

/// Reports everything in `value` that the schema does not allow.
pub(crate) fn check(schema: &Value, value: &Value, at: &FieldPath, faults: &mut Vec<FieldFault>) {
    if value.is_null() && schema.get("nullable") == Some(&Value::Bool(true)) {
        return;
    }
    let expected = schema
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut fault = |message: String| faults.push(FieldFault::new(at.clone(), message));
    match (expected, value) {
        ("object", Value::Object(object)) => check_object(schema, object, at, faults),
        ("array", Value::Array(items)) => check_array(schema, items, at, faults),
        ("string", Value::String(text)) => check_string(schema, text, fault),
        ("integer", Value::Number(number)) => match number.as_i64() {
            Some(number) => check_integer(schema, number, fault),
            None => fault(format!("must be a whole number, not {number}")),
        },
        ("boolean", Value::Bool(_)) => {}
        (expected, other) => fault(format!(
            "must be {}, not {}",
            with_article(expected),
            with_article(type_of(other))
        )),
    }
}

fn check_object(
    schema: &Value,
    object: &Map<String, Value>,
    at: &FieldPath,
    faults: &mut Vec<FieldFault>,
) {
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            faults.push(FieldFault::new(at.key(name), "is required".to_owned()));
        }
    }
    if let Some(max) = bound(schema, "maxProperties")
        && as_i64(object.len()) > max
    {
        let message = format!("has {} entries, at most {max} are allowed", object.len());
        faults.push(FieldFault::new(at.clone(), message));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let additional = schema
        .get("additionalProperties")
        .filter(|of| of.is_object());
    for (name, value) in object {
        let known = properties
            .and_then(|properties| properties.get(name))
            .or(additional);
        match known {
            Some(schema) => check(schema, value, &at.key(name), faults),
            None => faults.push(unknown_field(properties, name, at)),
        }
    }
}

/// Names the field that was probably meant.
fn unknown_field(
    properties: Option<&Map<String, Value>>,
    name: &str,
    at: &FieldPath,
) -> FieldFault {
    let meant = properties
        .into_iter()
        .flat_map(Map::keys)
        .find(|known| is_near(known, name));
    let message = match meant {
        Some(meant) => format!("unknown field; did you mean {meant}?"),
        None => "unknown field".to_owned(),
    };
    FieldFault::new(at.key(name), message)
}

/// The same but for letter case, or one character more, less or other.
fn is_near(known: &str, name: &str) -> bool {
    if known.eq_ignore_ascii_case(name) {
        return true;
    }
    let (known, name): (Vec<_>, Vec<_>) = (known.chars().collect(), name.chars().collect());
    let front = known.iter().zip(&name).take_while(|(a, b)| a == b).count();
    let back = known
        .iter()
        .rev()
        .zip(name.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let longest = known.len().max(name.len());
    known.len().abs_diff(name.len()) <= 1 && longest > 3 && front + back + 1 >= longest
}

fn check_array(schema: &Value, items: &[Value], at: &FieldPath, faults: &mut Vec<FieldFault>) {
    if let Some(max) = bound(schema, "maxItems")
        && as_i64(items.len()) > max
    {
        let message = format!("has {} items, at most {max} are allowed", items.len());
        faults.push(FieldFault::new(at.clone(), message));
    }
    if let Some(schema) = schema.get("items") {
        for (index, item) in items.iter().enumerate() {
            check(schema, item, &at.index(index), faults);
        }
    }
}

fn check_string(schema: &Value, text: &str, mut fault: impl FnMut(String)) {
    let length = as_i64(text.chars().count());
    if bound(schema, "minLength").is_some_and(|min| length < min) {
        fault("must not be empty".to_owned());
    }
    if let Some(max) = bound(schema, "maxLength")
        && length > max
    {
        fault(format!(
            "has {length} characters, at most {max} are allowed"
        ));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && !Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
    {
        fault(format!("must match {pattern}"));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.iter().any(|allowed| allowed == text)
    {
        let names: Vec<_> = allowed.iter().filter_map(Value::as_str).collect();
        fault(format!("must be one of {}, not {text:?}", names.join(", ")));
    }
    if schema
        .get("format")
        .is_some_and(|format| format == "date-time")
        && text.parse::<jiff::Timestamp>().is_err()
    {
        fault("must be a moment such as 2027-01-31T12:00:00Z".to_owned());
    }
}

fn check_integer(schema: &Value, number: i64, mut fault: impl FnMut(String)) {
    let (min, max) = (bound(schema, "minimum"), bound(schema, "maximum"));
    if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
        let (min, max) = (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX));
        fault(format!("is {number}, {min} to {max} are allowed"));
    }
}

/// A number of the schema. The definition keeps minimum and maximum as doubles; ours are whole.
fn bound(schema: &Value, keyword: &str) -> Option<i64> {
    let number = schema.get(keyword)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the bounds in our schemas are whole and far below 2^53"
    )]
    number
        .as_i64()
        .or_else(|| number.as_f64().map(|number| number as i64))
}

fn as_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn with_article(of_type: &str) -> String {
    match of_type {
        "null" => "null".to_owned(),
        "integer" | "array" | "object" => format!("an {of_type}"),
        other => format!("a {other}"),
    }
}

#[cfg(test)]
mod tests;
