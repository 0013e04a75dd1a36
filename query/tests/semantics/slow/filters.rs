//! Which series pass, and what groups them.

use super::{Question, Tags};

/// A condition on one tag.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) key: String,
    /// One of the seven types.
    pub(crate) kind: String,
    pub(crate) expression: String,
    pub(crate) group_by: bool,
}

pub(super) fn passes(question: &Question, tags: &Tags) -> bool {
    let conditions = &question.conditions;
    let has_other_keys = tags
        .keys()
        .any(|key| !conditions.iter().any(|condition| condition.key == *key));
    if question.explicit && !conditions.is_empty() && has_other_keys {
        return false;
    }
    conditions.iter().all(|condition| {
        let Some(value) = tags.get(&condition.key) else {
            return false;
        };
        if condition.kind != "literal_or" {
            return matches(&condition.kind, &condition.expression, value);
        }
        // The lists of one key are one list.
        conditions
            .iter()
            .filter(|other| other.key == condition.key && other.kind == "literal_or")
            .any(|other| is_listed(&other.expression, value))
    })
}

/// The values of the keys that group, in the order of keys.
pub(super) fn group_of(question: &Question, tags: &Tags) -> Vec<String> {
    let is_grouping = |key: &String| {
        let mut conditions = question.conditions.iter();
        conditions.any(|condition| condition.key == *key && condition.group_by)
    };
    let grouping = tags.iter().filter(|(key, _)| is_grouping(key));
    grouping.map(|(_, value)| value.clone()).collect()
}

fn matches(kind: &str, expression: &str, value: &str) -> bool {
    let (lower_expression, lower_value) = (expression.to_lowercase(), value.to_lowercase());
    match kind {
        "iliteral_or" => is_listed(&lower_expression, &lower_value),
        "not_literal_or" => !is_listed(expression, value),
        "not_iliteral_or" => !is_listed(&lower_expression, &lower_value),
        "wildcard" => is_like(expression.as_bytes(), value.as_bytes()),
        "iwildcard" => is_like(lower_expression.as_bytes(), lower_value.as_bytes()),
        _ => is_found(expression.as_bytes(), value.as_bytes()),
    }
}

fn is_listed(list: &str, value: &str) -> bool {
    list.split('|').any(|listed| listed == value)
}

fn is_like(pattern: &[u8], value: &[u8]) -> bool {
    match (pattern, value) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=value.len()).any(|at| is_like(rest, &value[at..])),
        ([first, pattern @ ..], [have, value @ ..]) => first == have && is_like(pattern, value),
        _ => false,
    }
}

/// Kernighan's and Pike's regular expressions: `c . ^ $` and `c*`.
fn is_found(pattern: &[u8], value: &[u8]) -> bool {
    match pattern {
        [b'^', rest @ ..] => is_here(rest, value),
        _ => (0..=value.len()).any(|at| is_here(pattern, &value[at..])),
    }
}

fn is_here(pattern: &[u8], value: &[u8]) -> bool {
    let fits = |c: u8, have: u8| c == b'.' || c == have;
    match (pattern, value) {
        ([], _) | ([b'$'], []) => true,
        ([c, b'*', rest @ ..], _) => {
            let most = value.iter().take_while(|have| fits(*c, **have)).count();
            (0..=most).any(|at| is_here(rest, &value[at..]))
        }
        ([c, pattern @ ..], [have, value @ ..]) if *c != b'$' => {
            fits(*c, *have) && is_here(pattern, value)
        }
        _ => false,
    }
}
