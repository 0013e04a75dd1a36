//! `/api/uid/assign`: the ids of names.
//!
//! Ids are hashes, so nothing is assigned that was not there before: the answer is what `OpenTSDB` would say, a name
//! that some series has already being the error that it is there. Asking changes nothing, so a read token may, and a name
//! outside its filters is one that nobody has. What else stands below `/api/uid` is 501.

use std::collections::BTreeMap;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use penstock_model::{Charset, NameRole, Uid, Uids};
use penstock_store::series::SeriesRegistry;
use serde_json::Value;

use super::answer::json;
use super::context::HttpContext;
use super::error::ApiError;
use super::lookups::{BODY_BYTES_MAX, Names};
use super::reach::Reach;
use crate::protocol::json::options::parameters;

/// The most names in one request.
const NAMES_MAX: usize = 10_000;

/// What names of each role are called in a request and its answer.
const ROLES: [(&str, NameRole); 3] = [
    ("metric", NameRole::Metric),
    ("tagk", NameRole::TagKey),
    ("tagv", NameRole::TagValue),
];

/// What the member of a role's errors is called, behind the role's own name.
const ERRORS: &str = "_errors";

/// Answers what stands below `/api/uid`.
pub(crate) async fn uid(
    State(context): State<HttpContext>,
    Path(operation): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let reader = context.authorize_read(&request)?;
    if operation != "assign" {
        return Err(not_implemented().await);
    }
    let is_passed_on = Reach::of(&context, &request).is_passed_on();
    let asked = read(&context, request).await?;
    let store = context.server().store.clone();
    let assigning = context.server().lookups.run(move || {
        let assigned = Assigning {
            names: Names::of(reader.scope()),
            uids: Uids::of(reader.scope().tenant()),
            charset: reader.grant().charset(),
            series: store.series(),
        };
        Ok(assigned.answer(asked))
    });
    let answer = assigning.await?;
    // A part of an answer is no refusal: whoever merges it decides.
    let status = if is_passed_on {
        StatusCode::OK
    } else {
        status_of(answer.keys())
    };
    Ok((status, json(&answer)).into_response())
}

/// 400 if any name is an error.
fn status_of<'a>(mut members: impl Iterator<Item = &'a String>) -> StatusCode {
    if members.any(|member| member.ends_with(ERRORS)) {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    }
}

/// The answers of all volumes as one: a name that is there on any of them is there.
pub(super) fn merge(parts: Vec<Value>) -> (StatusCode, Value) {
    let mut merged = Answer::new();
    let parts = parts
        .into_iter()
        .filter_map(|part| serde_json::from_value(part).ok());
    for part in parts.flat_map(|part: Answer| part) {
        let (member, names) = part;
        merged.entry(member).or_default().extend(names);
    }
    for (member, _) in ROLES {
        let errors = merged
            .get(&format!("{member}{ERRORS}"))
            .cloned()
            .unwrap_or_default();
        if let Some(ids) = merged.get_mut(member) {
            ids.retain(|name, _| !errors.contains_key(name));
        }
    }
    // Texts only: it cannot fail.
    let answer = serde_json::to_value(&merged).unwrap_or_default();
    (status_of(merged.keys()), answer)
}

/// The names that are asked for, by the place of their role in [`ROLES`].
type Asked = [Vec<String>; 3];
/// Members, each of names and what is said of them.
type Answer = BTreeMap<String, BTreeMap<String, String>>;

/// One request, on its thread.
struct Assigning<'a> {
    names: Names,
    uids: Uids,
    charset: Charset,
    series: &'a SeriesRegistry,
}

impl Assigning<'_> {
    fn answer(&self, asked: Asked) -> Answer {
        let mut answer = Answer::new();
        for ((member, role), names) in ROLES.into_iter().zip(asked) {
            if names.is_empty() {
                continue;
            }
            let (mut ids, mut errors) = (BTreeMap::new(), BTreeMap::new());
            for name in names {
                match self.assign(role, &name) {
                    Ok(id) => ids.insert(name, id.to_string()),
                    Err(error) => errors.insert(name, error),
                };
            }
            answer.insert(member.to_owned(), ids);
            if !errors.is_empty() {
                answer.insert(format!("{member}{ERRORS}"), errors);
            }
        }
        answer
    }

    fn assign(&self, role: NameRole, name: &str) -> Result<Uid, String> {
        if let Err(error) = self.charset.check(name) {
            return Err(format!("Invalid {role} (\"{name}\"): {error}"));
        }
        let id = self.uids.id(role, name);
        if self.series.knows(self.names.scope(), role, name) {
            return Err(format!("Name already exists with UID: {id}"));
        }
        Ok(id)
    }
}

/// Names with commas between in the query string, or lists in a body.
async fn read(context: &HttpContext, request: Request) -> Result<Asked, ApiError> {
    let (head, body) = request.into_parts();
    let mut asked = Asked::default();
    if head.method == Method::POST {
        let bodies = &context.server().bodies;
        let body = bodies.read(&head.headers, body, BODY_BYTES_MAX).await?;
        let object: BTreeMap<String, Value> = serde_json::from_slice(&body).map_err(|error| {
            ApiError::bad_request("Unable to parse the given JSON").with_details(error.to_string())
        })?;
        for (names, (member, _)) in asked.iter_mut().zip(ROLES) {
            let listed = object.get(member).and_then(Value::as_array);
            let texts = listed.into_iter().flatten().filter_map(Value::as_str);
            names.extend(texts.map(str::to_owned));
        }
    } else {
        for (name, value) in parameters(head.uri.query().unwrap_or_default()) {
            for (names, (member, _)) in asked.iter_mut().zip(ROLES) {
                if name == member {
                    *names = value.split(',').map(str::to_owned).collect();
                }
            }
        }
    }
    for names in &mut asked {
        names.retain(|name| !name.is_empty());
    }
    match asked.iter().map(Vec::len).sum() {
        0 => Err(ApiError::bad_request("Missing values to assign UIDs")),
        count if count > NAMES_MAX => Err(ApiError::bad_request("Too many values to assign UIDs")
            .with_details(format!("a request may have at most {NAMES_MAX}"))),
        _ => Ok(asked),
    }
}

/// Everything of `OpenTSDB`'s that we do not have.
pub(crate) async fn not_implemented() -> ApiError {
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        "Other UID endpoints have not been implemented yet",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;
    use http::Method;

    fn story() -> Story {
        let story = Story::with_readers();
        story.write(
            1,
            r#"{"metric":"m","timestamp":1,"value":1,"tags":{"host":"a"}}"#,
        );
        story
    }

    fn asked(story: &Story, method: Method, path: &str, body: &str) -> (u16, Value) {
        let answered = story.ask(method, path, Some(3), body);
        let json = serde_json::from_str(&answered.body).unwrap();
        (answered.status, json)
    }

    #[test]
    fn new_names_get_the_ids_that_their_series_will_have() {
        let story = story();
        let query = "/api/uid/assign?metric=n,n2&tagk=rack";
        let (status, by_get) = asked(&story, Method::GET, query, "");
        let body = r#"{"metric":["n","n2"],"tagk":["rack"],"tagv":[]}"#;
        assert_eq!(
            (status, &by_get),
            (200, &asked(&story, Method::POST, "/api/uid/assign", body).1)
        );
        story.write(
            1,
            r#"{"metric":"n","timestamp":1,"value":1,"tags":{"rack":"1"}}"#,
        );
        let found = asked(&story, Method::GET, "/api/search/lookup?m=n", "").1;
        let tsuid = found["results"][0]["tsuid"].as_str().unwrap();
        let (metric, key) = (
            by_get["metric"]["n"].as_str(),
            by_get["tagk"]["rack"].as_str(),
        );
        assert!(
            tsuid.starts_with(&[metric.unwrap(), key.unwrap()].concat()),
            "{tsuid}"
        );
    }

    #[test]
    fn names_that_are_there_or_cannot_be_are_errors() {
        let story = story();
        let (status, answer) = asked(
            &story,
            Method::GET,
            "/api/uid/assign?metric=m,n&tagv=a%3D",
            "",
        );
        assert_eq!(status, 400);
        let error = answer["metric_errors"]["m"].as_str().unwrap();
        assert!(
            error.starts_with("Name already exists with UID: "),
            "{error}"
        );
        assert_eq!(answer["metric"]["n"].as_str().unwrap().len(), 16);
        let error = answer["tagv_errors"]["a="].as_str().unwrap();
        assert_eq!(error, "Invalid tag value (\"a=\"): illegal character: =");
    }

    #[test]
    fn bad_requests_are_refused() {
        let story = story();
        for (method, path, body, status) in [
            (Method::GET, "/api/uid/assign", "", 400),
            (Method::GET, "/api/uid/assign?metric=,", "", 400),
            (Method::POST, "/api/uid/assign", "", 400),
            (Method::POST, "/api/uid/assign", r#"{"metric":"m"}"#, 400),
            (Method::GET, "/api/uid/rename?metric=m&name=n", "", 501),
            (Method::GET, "/api/uid", "", 501),
        ] {
            let answered = story.ask(method, path, Some(3), body);
            assert_eq!(answered.status, status, "{path} {body}");
        }
        assert_eq!(
            story
                .ask(Method::GET, "/api/uid/assign?metric=n", None, "")
                .status,
            401
        );
        assert_eq!(
            story
                .ask(Method::GET, "/api/uid/assign?metric=n", Some(1), "")
                .status,
            403
        );
    }
}
