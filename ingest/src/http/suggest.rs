//! `/api/suggest`: the names that begin with a few letters, sorted by their bytes.
//!
//! A token that sees a whole tenant gets them from the order in which the store keeps names; one with filters gets the
//! names of the series that they select, and no others.

use axum::extract::{Request, State};
use axum::response::Response;
use http::Method;
use penstock_query::Exceeded;

use super::answer::json_text;
use super::context::HttpContext;
use super::error::ApiError;
use super::lookups::{BODY_BYTES_MAX, Names};
use super::query::refuse_exceeded;
use crate::protocol::json::options::parameters;
use crate::protocol::lookup::SuggestRequest;

/// Answers a suggestion.
pub(crate) async fn suggest(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let reader = context.authorize_read(&request)?;
    let server = context.server();
    let (head, body) = request.into_parts();
    let asked = if head.method == Method::POST {
        let body = server
            .bodies
            .read(&head.headers, body, BODY_BYTES_MAX)
            .await?;
        SuggestRequest::from_json(&body)?
    } else {
        SuggestRequest::from_parameters(parameters(head.uri.query().unwrap_or_default()))?
    };
    let store = server.store.clone();
    let answer = server.lookups.run(move || {
        let limits = *reader.scope().limits();
        let allowed = usize::try_from(limits.max_series).unwrap_or(usize::MAX);
        let names = Names::of(reader.scope());
        // One more than allowed tells that there are more.
        let most = asked.most.min(allowed.saturating_add(1));
        let found = store
            .series()
            .names(names.scope(), asked.kind, &asked.prefix, most);
        if found.len() > allowed {
            return Err(refuse_exceeded(Exceeded::Series(allowed)));
        }
        let bytes: usize = found.iter().map(|name| name.len() + 3).sum();
        let bytes_max = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
        if bytes > bytes_max {
            return Err(refuse_exceeded(Exceeded::Bytes(bytes_max)));
        }
        // Texts only: it cannot fail.
        Ok(serde_json::to_vec(&found).unwrap_or_default())
    });
    Ok(json_text(answer.await?))
}

#[cfg(test)]
mod tests;
