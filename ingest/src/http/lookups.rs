//! The work of look-ups: on threads for such work, so many at a time, each as far as its token may see.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use penstock_model::TenantId;
use penstock_store::series::{KindFilter, Matcher, NameScope, Selection, SeriesFilter};
use tokio::sync::Semaphore;

use super::error::ApiError;
use crate::protocol::lookup::LookupError;
use crate::read::ReadScope;

/// Look-ups that run at the same time in the process; others wait for their turn.
const LOOKUPS_MAX: usize = 8;
/// How long they wait.
const TURN_WAIT: Duration = Duration::from_secs(2);
/// The longest body.
pub(super) const BODY_BYTES_MAX: u64 = 1 << 20;

/// Bounds what all look-ups of a process take together.
#[derive(Debug, Clone)]
pub struct Lookups(Arc<Semaphore>);

impl Default for Lookups {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS_MAX)))
    }
}

impl Lookups {
    /// Waits for a turn, then works on another thread.
    ///
    /// # Errors
    /// 503 if there is no turn, and what the work says.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = Arc::clone(&self.0).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(TURN_WAIT, turn).await else {
            return Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many look-ups",
            )
            .with_details(format!(
                "{LOOKUPS_MAX} look-ups run at a time; this one has waited {} s for its turn",
                TURN_WAIT.as_secs()
            ))
            .with_retry_after(Duration::from_secs(1)));
        };
        let working = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        working.await.unwrap_or_else(|_| {
            Err(ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The look-up failed",
            ))
        })
    }
}

/// Whose names a scope has.
#[derive(Debug)]
pub(super) enum Names {
    Tenant(TenantId),
    Series(Selection),
}

impl Names {
    pub(super) fn of(scope: &ReadScope) -> Self {
        if scope.is_whole_tenant() {
            Self::Tenant(scope.tenant())
        } else {
            Self::Series(scope.selection(of_every_kind(&Matcher::any(), &[])))
        }
    }

    pub(super) fn scope(&self) -> NameScope<'_> {
        match self {
            Self::Tenant(tenant) => NameScope::Tenant(*tenant),
            Self::Series(selection) => NameScope::Series(selection),
        }
    }
}

/// Filters for raw data and for every rollup.
pub(super) fn of_every_kind(metric: &Matcher, tags: &[(Box<str>, Matcher)]) -> Vec<SeriesFilter> {
    let any = Matcher::any;
    let rollups = KindFilter::Rollups {
        interval: any(),
        aggregator: any(),
        group_by: any(),
    };
    [KindFilter::RawOnly, rollups]
        .into_iter()
        .map(|kind| SeriesFilter {
            metric: metric.clone(),
            kind,
            tags: tags.to_vec(),
        })
        .collect()
}

impl From<LookupError> for ApiError {
    fn from(error: LookupError) -> Self {
        let refused = Self::bad_request(error.to_string());
        match std::error::Error::source(&error) {
            Some(cause) => refused.with_details(cause.to_string()),
            None => refused,
        }
    }
}
