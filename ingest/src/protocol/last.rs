//! What `/api/query/last` is asked for.
//!
//! ```text
//!   timeseries=<metric>{<key>=<value>,...}      {"queries":[{"metric":..,"tags":{..}},
//!   tsuids=<tsuid>,<tsuid>                                  {"tsuids":[..]}],
//!   resolve   back_scan=<hours>                  "resolveNames":..,"backScan":..}
//! ```
//!
//! Values are literal. JSON is read as `OpenTSDB` reads it, text for numbers and the reverse, but a member that it does not
//! know is refused here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::quote::Quoted;
use super::whole_number::cut_fraction;

/// Series whose newest points are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRequest {
    /// One after another.
    pub queries: Vec<LastQuery>,
    /// Whether names are answered besides ids.
    pub resolve: bool,
    /// Nothing older than the start of the current hour minus so many; 0 is however old.
    pub back_scan_hours: u32,
}

/// Which series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastQuery {
    /// All of a metric that have these pairs.
    Metric {
        /// Its name.
        metric: String,
        /// What they have, perhaps among others.
        tags: BTreeMap<String, String>,
    },
    /// Those with these ids.
    Tsuids(Vec<String>),
}

/// Queries in one request.
pub const LAST_QUERIES_MAX: usize = 1_000;

/// Why a request is refused. The answer is 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LastError {
    /// Nothing is asked for.
    #[error("Missing sub queries")]
    Nothing,
    /// More than [`LAST_QUERIES_MAX`].
    #[error("{0} queries, {LAST_QUERIES_MAX} are allowed")]
    TooMany(usize),
    /// A query without a metric and without ids.
    #[error("Missing the metric or tsuids, provide at least one")]
    MissingTarget,
    /// Braces without an end, or a pair that is none.
    #[error("{reason}: {text}")]
    Syntax {
        /// What is wrong.
        reason: &'static str,
        /// With what.
        text: Quoted,
    },
    /// `back_scan` is no number of hours.
    #[error("Unable to parse back_scan parameter: {0}")]
    BackScan(Quoted),
    /// An empty body.
    #[error("Missing message content")]
    NoContent,
    /// A body that is no such object.
    #[error("Unable to parse the given JSON: {0}")]
    Json(Quoted),
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "an object with queries"
)]
struct Body {
    #[serde(default)]
    queries: Option<Vec<BodyQuery>>,
    #[serde(default)]
    resolve_names: Option<Value>,
    #[serde(default)]
    back_scan: Option<Value>,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with metric and tags, or tsuids"
)]
struct BodyQuery {
    #[serde(default)]
    metric: Option<Value>,
    #[serde(default)]
    tags: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    tsuids: Option<Vec<String>>,
}

impl LastRequest {
    /// Reads the decoded parameters of a query string.
    ///
    /// # Errors
    /// What to mend.
    pub fn from_parameters<'a>(
        parameters: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, LastError> {
        let mut request = Self {
            queries: Vec::new(),
            resolve: false,
            back_scan_hours: 0,
        };
        for (name, value) in parameters {
            match &*name {
                "timeseries" => request.queries.push(metric_query(&value)?),
                "tsuids" => {
                    let tsuids = value.split(',').map(str::to_owned).collect();
                    request.queries.push(LastQuery::Tsuids(tsuids));
                }
                "resolve" => request.resolve = true,
                "back_scan" => request.back_scan_hours = hours(&value)?,
                _ => {}
            }
        }
        request.checked()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// What to mend.
    pub fn from_json(body: &[u8]) -> Result<Self, LastError> {
        if body.trim_ascii().is_empty() {
            return Err(LastError::NoContent);
        }
        let body: Body = serde_json::from_slice(body)
            .map_err(|error| LastError::Json(Quoted::text(&error.to_string())))?;
        let queries = body.queries.unwrap_or_default();
        Self {
            queries: queries
                .into_iter()
                .map(body_query)
                .collect::<Result<_, _>>()?,
            resolve: body
                .resolve_names
                .is_some_and(|value| matches!(&*text(&value), "true" | "1")),
            back_scan_hours: body
                .back_scan
                .map_or(Ok(0), |value| hours(cut_fraction(&text(&value))))?,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, LastError> {
        match self.queries.len() {
            0 => Err(LastError::Nothing),
            1..=LAST_QUERIES_MAX => Ok(self),
            many => Err(LastError::TooMany(many)),
        }
    }
}

fn body_query(query: BodyQuery) -> Result<LastQuery, LastError> {
    match (query.tsuids, query.metric) {
        (Some(tsuids), _) if !tsuids.is_empty() => Ok(LastQuery::Tsuids(tsuids)),
        (_, Some(metric)) if !text(&metric).is_empty() => Ok(LastQuery::Metric {
            metric: text(&metric).into_owned(),
            tags: query
                .tags
                .unwrap_or_default()
                .into_iter()
                .map(|(key, value)| (key, text(&value).into_owned()))
                .collect(),
        }),
        _ => Err(LastError::MissingTarget),
    }
}

/// `<metric>[{<key>=<value>,...}]`
fn metric_query(asked: &str) -> Result<LastQuery, LastError> {
    let refuse = |reason, text: &str| LastError::Syntax {
        reason,
        text: Quoted::text(text),
    };
    let (metric, braces) = match asked.split_once('{') {
        None => (asked, ""),
        Some((metric, rest)) => {
            let braces = rest.strip_suffix('}');
            (
                metric,
                braces.ok_or_else(|| refuse("Missing '}' at the end of", asked))?,
            )
        }
    };
    if metric.is_empty() {
        return Err(LastError::MissingTarget);
    }
    let mut tags = BTreeMap::new();
    for pair in braces.split(',').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, value)| !key.is_empty() && !value.is_empty())
            .ok_or_else(|| refuse("invalid tag", pair))?;
        if let Some(other) = tags.insert(key.to_owned(), value.to_owned())
            && other != value
        {
            return Err(refuse("duplicate tag", pair));
        }
    }
    Ok(LastQuery::Metric {
        metric: metric.to_owned(),
        tags,
    })
}

fn hours(text: &str) -> Result<u32, LastError> {
    let text = text.trim();
    if text.is_empty() || text == "null" {
        return Ok(0);
    }
    text.parse()
        .map_err(|_| LastError::BackScan(Quoted::text(text)))
}

/// Whatever stands for a text.
fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::json::options::parameters;

    fn from_uri(query: &str) -> Result<LastRequest, LastError> {
        LastRequest::from_parameters(parameters(query))
    }

    #[test]
    fn both_forms_say_the_same() {
        let asked = from_uri(
            "timeseries=sys.cpu%7Bhost=a,dc=x%7D&timeseries=m&tsuids=AA,bb&resolve=false&back_scan=24",
        );
        let body =
            br#"{"queries":[{"metric":"sys.cpu","tags":{"host":"a","dc":"x"}},{"metric":"m"},
            {"tsuids":["AA","bb"]}],"resolveNames":true,"backScan":"24"}"#;
        assert_eq!(asked, LastRequest::from_json(body));
        let asked = asked.unwrap();
        assert_eq!(
            (asked.queries.len(), asked.resolve, asked.back_scan_hours),
            (3, true, 24)
        );
    }

    #[test]
    fn a_body_may_write_numbers_and_truth_otherwise() {
        for (back_scan, resolve) in [("1.5", "1"), (r#""1""#, "true"), ("1", r#""true""#)] {
            let body = format!(
                r#"{{"queries":[{{"metric":"m"}}],"backScan":{back_scan},"resolveNames":{resolve}}}"#
            );
            let asked = LastRequest::from_json(body.as_bytes()).unwrap();
            assert_eq!((asked.back_scan_hours, asked.resolve), (1, true), "{body}");
        }
    }

    #[test]
    fn bad_requests_say_what_to_mend() {
        for (query, message) in [
            ("", "Missing sub queries"),
            ("resolve", "Missing sub queries"),
            (
                "timeseries={a=b}",
                "Missing the metric or tsuids, provide at least one",
            ),
            ("timeseries=m{a=b", "Missing '}' at the end of: m{a=b"),
            ("timeseries=m{a}", "invalid tag: a"),
            ("timeseries=m{a=b,a=c}", "duplicate tag: a=c"),
            (
                "timeseries=m&back_scan=soon",
                "Unable to parse back_scan parameter: soon",
            ),
            (
                "timeseries=m&back_scan=-1",
                "Unable to parse back_scan parameter: -1",
            ),
        ] {
            assert_eq!(from_uri(query).unwrap_err().to_string(), message, "{query}");
        }
        for (body, message) in [
            ("", "Missing message content"),
            ("{}", "Missing sub queries"),
            (r#"{"queries":[]}"#, "Missing sub queries"),
            (
                r#"{"queries":[{}]}"#,
                "Missing the metric or tsuids, provide at least one",
            ),
            ("{", "Unable to parse the given JSON"),
            (
                r#"{"queries":[{"metric":"m","tag":{}}]}"#,
                "unknown field `tag`",
            ),
            (
                r#"{"queries":[{"metric":"m"}],"resolve":true}"#,
                "unknown field `resolve`",
            ),
        ] {
            let text = LastRequest::from_json(body.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(text.contains(message), "{body}: {text}");
        }
        let many = vec!["timeseries=m"; LAST_QUERIES_MAX + 1].join("&");
        assert_eq!(
            from_uri(&many),
            Err(LastError::TooMany(LAST_QUERIES_MAX + 1))
        );
    }
}
