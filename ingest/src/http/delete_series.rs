//! `/api/v1/admin/tsdb/delete_series`: hides the samples of series, all of them or those of a window.
//!
//! Takes the arguments of an export, and a write token whose `allow.delete` is true. The token's tags are filters:
//! it deletes only series that have them. The answer is 204 once the delete is on stable storage; points that are
//! written afterwards stay.

use axum::extract::{Request, State};
use http::StatusCode;
use penstock_store::error::AppendError;
use penstock_tenancy::Permission;

use super::error::ApiError;
use super::router::HttpContext;
use super::series_arguments;
use crate::read::ReadScope;

/// Answers a delete.
pub(crate) async fn delete_series(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let grant = context.authorize(&request, Permission::Write)?;
    grant.require_delete()?;
    let asked = series_arguments::read(&context, request).await?;
    let (from, to) = asked.delete_window();
    let selection = ReadScope::of(&grant).selection(asked.into_filters());
    let store = context.server().store.clone();
    let deleting = tokio::task::spawn_blocking(move || store.delete(&selection, from, to));
    let deleted = match deleting.await {
        Ok(Ok(deleted)) => deleted,
        Ok(Err(AppendError::Busy(pressure))) => {
            return Err(ApiError::overloaded(pressure.to_string()));
        }
        Ok(Err(AppendError::Stopped)) | Err(_) => return Err(stopped()),
    };
    let events = &context.event_loop().events;
    events
        .durable(deleted.sequence)
        .await
        .map_err(|_| stopped())?;
    tracing::info!(
        tenant = %grant.tenant(),
        token = %grant.token(),
        series = deleted.series,
        "series deleted"
    );
    Ok(StatusCode::NO_CONTENT)
}

fn stopped() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "The delete may not have been stored",
    )
    .with_details("the server stopped while it was at it; repeat the delete")
}

#[cfg(test)]
mod tests;
