//! `POST /api/histogram`: refused, as by an `OpenTSDB` that has no codec for histograms configured.

use axum::extract::{Request, State};
use penstock_tenancy::Permission;

use super::context::HttpContext;
use super::error::ApiError;
use crate::protocol::fault::PointFault;

/// Says that there is no storage, to those who may write.
pub(crate) async fn histogram(
    State(context): State<HttpContext>,
    request: Request,
) -> Result<(), ApiError> {
    context
        .authorize(&request, Permission::Write)
        .and(Err(ApiError::bad_request(
            PointFault::Histogram.to_string(),
        )))
        .map_err(ApiError::for_put)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use crate::story::Story;

    #[test]
    fn there_is_no_storage_for_histograms() {
        let story = Story::with_readers();
        let body = r#"{"metric":"m","timestamp":1,"buckets":{"0,1.75":12},"tags":{"a":"b"}}"#;
        let asked = |token| story.ask(Method::POST, "/api/histogram", token, body);
        let refused = asked(Some(1));
        assert_eq!(refused.status, 400);
        assert_eq!(
            refused.body,
            r#"{"error":{"code":400,"message":"Histogram storage has not been enabled. Send each bucket as a point of its own"},"success":0,"failed":1}"#
        );
        assert_eq!((asked(None).status, asked(Some(3)).status), (401, 403));
    }
}
