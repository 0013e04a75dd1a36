//! A refused point as answers repeat it.
//!
//! In one form whatever form it came in: known members only, `timestamp` a number (0 if there was none),
//! `value` a string, what was absent or null left out. Without the credential, and without keys that strayed
//! into names.

use std::borrow::Cow;

use penstock_tenancy::redact_keys;

use super::element::Element;
use super::shape::Shape;
use crate::protocol::client_series::CREDENTIAL_TAG;
use crate::protocol::tags::RawTags;

impl Element<'_> {
    /// Appends the element as answers echo it.
    pub(super) fn echo(&self, out: &mut Vec<u8>) {
        match self.timestamp() {
            Some(timestamp) => push_object(self, timestamp, out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

fn push_object(element: &Element<'_>, timestamp: i64, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(metric) = element.metric() {
        push_text(out, "metric", metric);
        out.push(b',');
    }
    out.extend_from_slice(b"\"timestamp\":");
    out.extend_from_slice(itoa::Buffer::new().format(timestamp).as_bytes());
    if let Some(value) = element.value() {
        out.push(b',');
        push_text(out, "value", value);
    }
    if let Some(tags) = element.tags() {
        out.extend_from_slice(b",\"tags\":");
        push_tags(out, &tags);
    }
    if element.shape() == Shape::Rollup {
        let words = element.rollup();
        for (name, word) in [
            ("interval", words.interval),
            ("aggregator", words.aggregator),
            ("groupByAggregator", words.group_by),
        ] {
            if let Some(word) = word {
                out.push(b',');
                push_text(out, name, word.as_bytes());
            }
        }
    }
    out.push(b'}');
}

fn push_tags(out: &mut Vec<u8>, tags: &RawTags<'_>) {
    out.push(b'{');
    let mut separator: &[u8] = b"";
    let shown = tags
        .pairs()
        .filter_map(Result::ok)
        .filter(|(key, _)| *key != CREDENTIAL_TAG.as_bytes());
    for (key, value) in shown {
        out.extend_from_slice(separator);
        separator = b",";
        let key = String::from_utf8_lossy(key);
        let key = redact_keys(&key);
        if let Some(value) = value {
            push_text(out, &key, value);
        } else {
            push_string(out, &key);
            out.extend_from_slice(b":null");
        }
    }
    out.push(b'}');
}

fn push_text(out: &mut Vec<u8>, name: &str, text: &[u8]) {
    push_string(out, name);
    out.push(b':');
    push_string(out, &redact_keys(&String::from_utf8_lossy(text)));
}

/// Appends a JSON string.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    let quoted = serde_json::Value::from(Cow::Borrowed(text)).to_string();
    out.extend_from_slice(quoted.as_bytes());
}
