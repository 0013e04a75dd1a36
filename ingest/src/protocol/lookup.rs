//! What `/api/search/lookup` and `/api/suggest` are asked for.
//!
//! ```text
//!   m=<metric>{<key>=<value>,...}      {"metric":..,"tags":[{"key":..,"value":..},..],"limit":..}
//!     metric  *, empty: any            key  *, empty: any          value  *, empty: any
//! ```
//!
//! All pairs must hold; of several values for one key, one. A value of any key is one of the values of the key `*`. There
//! are no globs and no lists. JSON is read as `OpenTSDB` reads it: text for numbers, numbers for text, unknown members
//! ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use penstock_model::NameRole;
use serde_json::{Map, Value};

use super::quote::Quoted;
use super::whole_number::cut_fraction;

/// How many series or names are answered if nobody says.
const DEFAULT_COUNT: usize = 25;

/// Which series are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupRequest {
    /// The metric as it was asked for, if it was.
    pub metric: Option<String>,
    /// The pairs as they were asked for.
    pub pairs: Vec<AskedPair>,
    /// The most series; 0 is no limit of the client's.
    pub limit: usize,
}

/// A pair as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AskedPair {
    /// A tag's key; `*` or empty: any.
    pub key: String,
    /// Its value; `*` or empty: any.
    pub value: String,
}

/// What a series must have.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Wanted<'a> {
    /// This metric.
    pub metric: Option<&'a str>,
    /// Each of these keys, with one of the values; without values any will do.
    pub keys: BTreeMap<&'a str, Vec<&'a str>>,
    /// One of these as the value of any key; without values there is no such demand.
    pub values: Vec<&'a str>,
}

/// Which names are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuggestRequest {
    /// Of metrics, tag keys or tag values.
    pub kind: NameRole,
    /// What they begin with.
    pub prefix: String,
    /// The most names.
    pub most: usize,
}

/// Why a request is refused. The answer is 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No `m`.
    #[error("Missing parameter <code>m</code>")]
    MissingQuery,
    /// `m` is not a metric with pairs.
    #[error("Unable to parse query")]
    Syntax(#[source] SyntaxError),
    /// Neither a metric nor a pair.
    #[error("Missing metric and tags. Please supply at least one value.")]
    Nothing,
    /// `limit` is no number.
    #[error("Unable to convert 'limit' to a valid number")]
    Limit,
    /// No `type` in a query string.
    #[error("Missing parameter <code>type</code>")]
    MissingType,
    /// No `type` in a body.
    #[error("Missing 'type' parameter")]
    MissingTypeMember,
    /// None of the three types.
    #[error("Invalid 'type' parameter:{0}")]
    Type(Quoted),
    /// `max` is no number.
    #[error("Unable to parse 'max' as a number")]
    Max,
    /// An empty body.
    #[error("Missing message content")]
    NoContent,
    /// A body that is no such object.
    #[error("Unable to parse the given JSON")]
    Json(#[source] SyntaxError),
}

/// What is wrong with a text, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SyntaxError(Quoted);

impl SyntaxError {
    fn of(text: &str) -> Self {
        Self(Quoted::text(text))
    }
}

impl LookupRequest {
    /// Reads the decoded parameters of a query string.
    ///
    /// # Errors
    /// What to mend.
    pub fn from_parameters<'a>(
        parameters: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, LookupError> {
        let (mut query, mut limit) = (None, DEFAULT_COUNT);
        for (name, value) in parameters {
            match &*name {
                "m" => query = Some(value),
                "limit" => limit = count_of(&value).ok_or(LookupError::Limit)?,
                _ => {}
            }
        }
        let query = query.filter(|query| !query.is_empty());
        let query = query.ok_or(LookupError::MissingQuery)?;
        let (metric, pairs) = metric_and_pairs(&query).map_err(LookupError::Syntax)?;
        Ok(Self {
            metric,
            pairs,
            limit,
        })
    }

    /// Reads a body.
    ///
    /// # Errors
    /// What to mend.
    pub fn from_json(body: &[u8]) -> Result<Self, LookupError> {
        let object = object(body)?;
        let metric = text(&object, "metric")?;
        let limit = match object.get("limit") {
            None => DEFAULT_COUNT,
            Some(limit) => as_text(limit)
                .and_then(|limit| count_in_body(&limit))
                .ok_or(LookupError::Limit)?,
        };
        let pairs = match object.get("tags") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(pairs)) => pairs.iter().map(pair_of).collect::<Result<_, _>>()?,
            Some(_) => {
                return Err(refused(
                    "`tags` must be a list of {\"key\":..,\"value\":..}",
                ));
            }
        };
        if metric.is_none() && pairs.is_empty() {
            return Err(LookupError::Nothing);
        }
        Ok(Self {
            metric,
            pairs,
            limit,
        })
    }

    /// What a series must have.
    pub fn wanted(&self) -> Wanted<'_> {
        let mut wanted = Wanted {
            metric: self.metric.as_deref().filter(|metric| !is_any(metric)),
            ..Wanted::default()
        };
        for AskedPair { key, value } in &self.pairs {
            match (is_any(key), is_any(value)) {
                (true, _) => wanted.values.push(value),
                (false, true) => wanted.keys.entry(key).or_default().push(""),
                (false, false) => wanted.keys.entry(key).or_default().push(value),
            }
        }
        for values in wanted.keys.values_mut() {
            // A key with any value wins over one with this value.
            if values.contains(&"") {
                values.clear();
            }
        }
        wanted
    }
}

impl SuggestRequest {
    /// Reads the decoded parameters of a query string. Of one that repeats the last counts.
    ///
    /// # Errors
    /// What to mend.
    pub fn from_parameters<'a>(
        parameters: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, LookupError> {
        let (mut kind, mut prefix, mut max) = (None, None, None);
        for (name, value) in parameters {
            match &*name {
                "type" => kind = Some(value),
                "q" => prefix = Some(value),
                "max" => max = Some(value),
                _ => {}
            }
        }
        let kind = kind.filter(|kind| !kind.is_empty());
        Ok(Self {
            kind: role_of(&kind.ok_or(LookupError::MissingType)?)?,
            prefix: prefix.unwrap_or_default().into_owned(),
            most: most_of(&max.unwrap_or_default())?,
        })
    }

    /// Reads a body.
    ///
    /// # Errors
    /// What to mend.
    pub fn from_json(body: &[u8]) -> Result<Self, LookupError> {
        let object = object(body)?;
        let kind = text(&object, "type")?.filter(|kind| !kind.is_empty());
        let max = object.get("max").map_or(Some(String::new()), as_text);
        Ok(Self {
            kind: role_of(&kind.ok_or(LookupError::MissingTypeMember)?)?,
            prefix: text(&object, "q")?.unwrap_or_default(),
            most: most_of(&max.ok_or(LookupError::Max)?)?,
        })
    }
}

/// `m{k=v,...}`, `{k=v,...}` or `m`.
fn metric_and_pairs(text: &str) -> Result<(Option<String>, Vec<AskedPair>), SyntaxError> {
    let Some((metric, rest)) = text.split_once('{') else {
        return Ok((Some(text.to_owned()), Vec::new()));
    };
    let inside = rest
        .strip_suffix('}')
        .ok_or_else(|| SyntaxError::of(&format!("Missing '}}' at the end of: {text}")))?;
    if metric.is_empty() && inside.is_empty() {
        return Err(SyntaxError::of(&format!("Missing metric and tags: {text}")));
    }
    let pairs = if inside.is_empty() {
        Ok(Vec::new())
    } else {
        inside.split(',').map(pair).collect()
    };
    let metric = (!metric.is_empty()).then(|| metric.to_owned());
    Ok((metric, pairs?))
}

fn pair(text: &str) -> Result<AskedPair, SyntaxError> {
    let wrong = |what: &str| SyntaxError::of(&format!("When parsing tag '{text}': {what}"));
    let (key, value) = match text.split_once('=') {
        Some((key, value)) if !value.contains('=') => (key, value),
        _ => return Err(wrong(&format!("invalid tag: {text}"))),
    };
    let pair = AskedPair {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    if is_any(key) && is_any(value) {
        return Err(wrong(
            "the tag name and the tag value cannot both be a wildcard",
        ));
    }
    Ok(pair)
}

fn pair_of(value: &Value) -> Result<AskedPair, LookupError> {
    let Value::Object(object) = value else {
        return Err(refused("a tag must be {\"key\":..,\"value\":..}"));
    };
    let pair = AskedPair {
        key: text(object, "key")?.unwrap_or_default(),
        value: text(object, "value")?.unwrap_or_default(),
    };
    if is_any(&pair.key) && is_any(&pair.value) {
        return Err(refused("a tag needs a key or a value that is no wildcard"));
    }
    Ok(pair)
}

fn is_any(text: &str) -> bool {
    text.is_empty() || text == "*"
}

/// What `OpenTSDB` calls names of a role in its requests and messages.
pub const fn word_of(role: NameRole) -> &'static str {
    match role {
        NameRole::Metric => "metrics",
        NameRole::TagKey => "tagk",
        NameRole::TagValue => "tagv",
    }
}

/// The role that is meant by a word: [`word_of`] backwards.
fn role_of(text: &str) -> Result<NameRole, LookupError> {
    match text {
        "metrics" => Ok(NameRole::Metric),
        "tagk" => Ok(NameRole::TagKey),
        "tagv" => Ok(NameRole::TagValue),
        other => Err(LookupError::Type(Quoted::text(other))),
    }
}

/// 0 and less is no limit.
fn count_of(text: &str) -> Option<usize> {
    let count: i64 = text.trim().parse().ok()?;
    Some(usize::try_from(count).unwrap_or(0))
}

/// The same in a body, where nothing is 0 and a fraction is cut off.
fn count_in_body(text: &str) -> Option<usize> {
    match text.trim() {
        "" => Some(0),
        text => count_of(cut_fraction(text)),
    }
}

/// Nothing, 0 and less is the default.
fn most_of(text: &str) -> Result<usize, LookupError> {
    if text.is_empty() {
        return Ok(DEFAULT_COUNT);
    }
    match count_of(text) {
        None => Err(LookupError::Max),
        Some(0) => Ok(DEFAULT_COUNT),
        Some(most) => Ok(most),
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, LookupError> {
    if body.trim_ascii().is_empty() {
        return Err(LookupError::NoContent);
    }
    serde_json::from_slice(body).map_err(|error| refused(&error.to_string()))
}

/// A member as text; `None` if it is not there.
fn text(object: &Map<String, Value>, name: &str) -> Result<Option<String>, LookupError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match as_text(value) {
            Some(text) => Ok(Some(text)),
            None => Err(refused(&format!("`{name}` must be text"))),
        },
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn refused(text: &str) -> LookupError {
    LookupError::Json(SyntaxError::of(text))
}

#[cfg(test)]
mod tests;
