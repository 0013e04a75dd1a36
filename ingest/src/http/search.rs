//! `/api/search/lookup`: the series that have a metric and tags. Nothing of their samples.
//!
//! ```text
//!   LookupRequest ──▶ every name is known? ──▶ filters ──▶ Store::visit ──▶ one result for each TSUID
//!                     404 that names it        narrowed by the token's
//! ```
//!
//! A name that no series in the token's scope has is as unknown as one that nobody has. Raw data and rollups of the same
//! metric and tags are one result. The other searches of `OpenTSDB` need an index of its own, which nobody has: 400.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{Method, StatusCode};
use penstock_model::{Clock, NameRole, SeriesIdentity, Uids};
use penstock_query::Exceeded;
use penstock_store::series::{Matcher, SeriesRegistry};
use penstock_store::store::Store;
use serde::Serialize;

use super::answer::json_text;
use super::context::HttpContext;
use super::error::ApiError;
use super::lookups::{BODY_BYTES_MAX, Names, of_every_kind};
use super::query::refuse_exceeded;
use super::reach::Reach;
use crate::protocol::json::options::parameters;
use crate::protocol::lookup::{AskedPair, LookupRequest, Wanted, word_of};
use crate::protocol::quote::Quoted;
use crate::read::{ReadScope, Reader};
use crate::volumes::Elsewhere;
use crate::volumes::wanted::NamesQuestion;

/// Searches that `OpenTSDB` has where a search plug-in is configured.
const OF_A_PLUG_IN: [&str; 5] = [
    "tsmeta",
    "tsmeta_summary",
    "tsuids",
    "uidmeta",
    "annotation",
];

/// Answers a search.
pub(crate) async fn search(
    State(context): State<HttpContext>,
    Path(kind): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let reader = context.authorize_read(&request)?;
    if kind != "lookup" {
        return Err(ApiError::bad_request(if OF_A_PLUG_IN.contains(&&*kind) {
            "Searching is not enabled"
        } else {
            "Invalid search query type supplied"
        }));
    }
    let elsewhere = Reach::of(&context, &request).elsewhere(&context);
    let server = context.server();
    let asked = read(&context, request).await?;
    let (store, clock) = (server.store.clone(), Arc::clone(&server.clock));
    let looked_up = server.lookups.run(move || {
        Lookup {
            store: &store,
            clock: &*clock,
            reader: &reader,
            elsewhere: &elsewhere,
            asked: &asked,
        }
        .answer()
    });
    Ok(json_text(looked_up.await?))
}

/// `/api/search` and nothing behind it.
pub(crate) async fn no_kind() -> ApiError {
    ApiError::bad_request("Invalid search query type supplied")
}

async fn read(context: &HttpContext, request: Request) -> Result<LookupRequest, ApiError> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    let is_post = match head.method {
        Method::POST => true,
        Method::GET => parameters(query)
            .any(|(name, value)| name == "method_override" && value.eq_ignore_ascii_case("post")),
        // What OpenTSDB answers here instead of 405.
        _ => return Err(ApiError::bad_request("Invalid search query type supplied")),
    };
    if !is_post {
        return Ok(LookupRequest::from_parameters(parameters(query))?);
    }
    let bodies = &context.server().bodies;
    let body = bodies.read(&head.headers, body, BODY_BYTES_MAX).await?;
    Ok(LookupRequest::from_json(&body)?)
}

/// One look-up, on its thread.
struct Lookup<'a> {
    store: &'a Store,
    clock: &'a dyn Clock,
    reader: &'a Reader,
    elsewhere: &'a Elsewhere,
    asked: &'a LookupRequest,
}

impl Lookup<'_> {
    fn answer(&self) -> Result<Vec<u8>, ApiError> {
        let start = self.clock.monotonic();
        let (series, scope) = (self.store.series(), self.reader.scope());
        let wanted = self.asked.wanted();
        require_known(series, scope, self.elsewhere, &wanted)?;
        let mut results = Results::new(scope, self.asked.limit);
        let deadline = start.saturating_add(results.seconds_max);
        let selection = scope.selection(filters(series, scope, &wanted));
        series.visit(&selection, &mut |_, key| {
            if self.clock.monotonic() > deadline {
                results.exceeded = Some(Exceeded::Duration(results.seconds_max));
                return ControlFlow::Break(());
            }
            match key.decode() {
                Ok(identity) => results.add(&identity),
                Err(_) => ControlFlow::Continue(()),
            }
        });
        if let Some(exceeded) = results.exceeded {
            return Err(refuse_exceeded(exceeded));
        }
        let took = self.clock.monotonic().saturating_sub(start);
        Ok(self.render(&results, took))
    }

    fn render(&self, results: &Results, took: Duration) -> Vec<u8> {
        #[derive(Serialize)]
        struct Head<'a> {
            r#type: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            metric: Option<&'a str>,
            tags: &'a [AskedPair],
            limit: usize,
            time: f64,
        }
        let head = Head {
            r#type: "LOOKUP",
            metric: self.asked.metric.as_deref(),
            tags: &self.asked.pairs,
            limit: self.asked.limit,
            time: took.as_secs_f64() * 1e3,
        };
        // Texts and numbers only: it cannot fail.
        let mut answer = serde_json::to_vec(&head).unwrap_or_default();
        answer.pop();
        answer.extend_from_slice(br#","results":["#);
        answer.extend_from_slice(&results.json);
        answer.extend_from_slice(br#"],"startIndex":0,"totalResults":"#);
        answer.extend_from_slice(results.seen.len().to_string().as_bytes());
        answer.push(b'}');
        answer
    }
}

/// What has been found, rendered.
struct Results {
    uids: Uids,
    json: Vec<u8>,
    seen: HashSet<String>,
    /// The client's.
    limit: usize,
    series_max: usize,
    bytes_max: usize,
    seconds_max: Duration,
    exceeded: Option<Exceeded>,
}

impl Results {
    fn new(scope: &ReadScope, limit: usize) -> Self {
        let limits = scope.limits();
        Self {
            uids: Uids::of(scope.tenant()),
            json: Vec::new(),
            seen: HashSet::new(),
            limit,
            series_max: usize::try_from(limits.max_series).unwrap_or(usize::MAX),
            bytes_max: usize::try_from(limits.max_bytes).unwrap_or(usize::MAX),
            seconds_max: Duration::from_secs(limits.max_seconds),
            exceeded: None,
        }
    }

    fn add(&mut self, series: &SeriesIdentity) -> ControlFlow<()> {
        #[derive(Serialize)]
        struct Found<'a> {
            tsuid: &'a str,
            metric: &'a str,
            tags: std::collections::BTreeMap<&'a str, &'a str>,
        }
        let tsuid = self.uids.tsuid(&series.metric, &series.tags);
        if self.seen.contains(&tsuid) {
            return ControlFlow::Continue(());
        }
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        let found = Found {
            tsuid: &tsuid,
            metric: &series.metric,
            tags: series.tags.iter().collect(),
        };
        // A vector takes everything: this cannot fail.
        drop(serde_json::to_writer(&mut self.json, &found));
        self.seen.insert(tsuid);
        if self.seen.len() > self.series_max {
            self.exceeded = Some(Exceeded::Series(self.series_max));
        } else if self.json.len() > self.bytes_max {
            self.exceeded = Some(Exceeded::Bytes(self.bytes_max));
        }
        if self.exceeded.is_some() || self.seen.len() == self.limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// 404 for the first name that no series in scope has, here or elsewhere.
fn require_known(
    series: &SeriesRegistry,
    scope: &ReadScope,
    elsewhere: &Elsewhere,
    wanted: &Wanted<'_>,
) -> Result<(), ApiError> {
    let names = Names::of(scope);
    let metric = wanted.metric.map(|metric| (NameRole::Metric, metric));
    let keys = wanted.keys.keys().map(|key| (NameRole::TagKey, *key));
    let values = wanted.keys.values().chain([&wanted.values]).flatten();
    let values = values.map(|value| (NameRole::TagValue, *value));
    for (role, name) in metric.into_iter().chain(keys).chain(values) {
        if !series.knows(names.scope(), role, name)
            && !elsewhere.knows(&NamesQuestion::of_role(role, name))?
        {
            return Err(
                ApiError::new(StatusCode::NOT_FOUND, "Unable to resolve one or more UIDs")
                    .with_details(format!(
                        "No such name for '{}': '{}'",
                        word_of(role),
                        Quoted::text(name)
                    )),
            );
        }
    }
    Ok(())
}

/// The filters of what is wanted. A value of any key becomes one for each key that has it.
fn filters(
    series: &SeriesRegistry,
    scope: &ReadScope,
    wanted: &Wanted<'_>,
) -> Vec<penstock_store::series::SeriesFilter> {
    let metric = wanted
        .metric
        .map_or_else(Matcher::any, |metric| Matcher::Equals(metric.into()));
    let tags: Vec<(Box<str>, Matcher)> = wanted
        .keys
        .iter()
        .map(|(key, values)| {
            let matcher = if values.is_empty() {
                Matcher::Matches(Arc::new(|value| !value.is_empty()))
            } else {
                Matcher::OneOf(values.iter().map(|value| (*value).into()).collect())
            };
            ((*key).into(), matcher)
        })
        .collect();
    if wanted.values.is_empty() {
        return of_every_kind(&metric, &tags);
    }
    let of_any_key = wanted.values.iter().flat_map(|value| {
        let keys = series.tag_keys_with(scope.tenant(), value);
        keys.into_iter()
            .map(|key| (key, Matcher::Equals((*value).into())))
    });
    of_any_key
        .flat_map(|pair| of_every_kind(&metric, &[tags.as_slice(), &[pair]].concat()))
        .collect()
}

#[cfg(test)]
mod tests;
