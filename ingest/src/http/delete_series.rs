//! `/api/v1/admin/tsdb/delete_series`: hides the samples of series, all of them or those of a window.
//!
//! Takes the arguments of an export, and a write token whose `allow.delete` is true. The token's tags are filters:
//! it deletes only series that have them. The answer is 204 once the delete is on stable storage on every volume; points
//! that are written afterwards stay.

use std::time::Duration;

use axum::extract::{Request, State};
use http::StatusCode;
use penstock_model::Timestamp;
use penstock_store::error::AppendError;
use penstock_store::series::Selection;
use penstock_tenancy::Permission;

use super::context::HttpContext;
use super::error::{ApiError, NOT_DELETED};
use super::reach::Reach;
use super::series_arguments::{self, SeriesArguments};
use crate::read::ReadScope;
use crate::volumes::VolumeError;

/// Where series are deleted.
pub(crate) const DELETE_SERIES: &str = "/api/v1/admin/tsdb/delete_series";

/// Answers a delete.
pub(crate) async fn delete_series(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let grant = context.authorize(&request, Permission::Write)?;
    grant.require_delete()?;
    let reach = Reach::of(&context, &request);
    let SeriesArguments { asked, form } = series_arguments::read(&context, request).await?;
    let (from, to) = reach.window().unwrap_or_else(|| asked.delete_window());
    let elsewhere = async {
        let question = reach.question(DELETE_SERIES, form, (from, to));
        let deleting = context.server().volumes.ask_all(reach.others(), &question);
        deleting.await.map_err(not_everywhere)
    };
    let selection = ReadScope::of(&grant).selection(asked.into_filters());
    // Both to the end, whatever becomes of the other: a delete may be repeated, and each part of it counts.
    let here = delete_here(&context, selection, (from, to));
    let (here, elsewhere) = futures_util::future::join(here, elsewhere).await;
    let series = here?;
    elsewhere?;
    tracing::info!(tenant = %grant.tenant(), token = %grant.token(), series, "series deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes on this server's volume. How many series were selected.
async fn delete_here(
    context: &HttpContext,
    selection: Selection,
    (from, to): (Timestamp, Timestamp),
) -> Result<u64, ApiError> {
    let store = context.server().store.clone();
    let deleting = tokio::task::spawn_blocking(move || store.delete(&selection, from, to));
    let deleted = match deleting.await {
        Ok(deleted) => deleted.map_err(|error| ApiError::not_deleted(&error))?,
        Err(_) => return Err(ApiError::not_deleted(&AppendError::Stopped)),
    };
    let events = &context.event_loop().events;
    events
        .durable(deleted.sequence)
        .await
        .map_err(|_| ApiError::not_deleted(&AppendError::Stopped))?;
    Ok(deleted.series)
}

fn not_everywhere(error: VolumeError) -> ApiError {
    match error {
        VolumeError::Missing { .. } => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, NOT_DELETED)
            .with_details(format!("{error}; repeat the delete"))
            .with_retry_after(Duration::from_secs(1)),
        VolumeError::Refused { .. } => error.into(),
    }
}

#[cfg(test)]
mod tests;
