use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::Request;
use tower::ServiceExt as _;

use super::*;
use crate::telemetry::Metrics;

async fn get(router: &Router, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn it_is_ready_when_nothing_is_waited_for() {
    let readiness = Readiness::default();
    let pods = readiness.wait_for("the cache of pods");
    let tokens = (
        readiness.wait_for("the cache of tokens"),
        readiness.wait_for("the cache of tokens"),
    );
    let router = router(readiness, Registry::default());
    let (status, text) = get(&router, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text, "the cache of pods\nthe cache of tokens\n");
    drop((pods, tokens.0));
    assert_eq!(get(&router, "/readyz").await.1, "the cache of tokens\n");
    // Not yet, but soon.
    let soon = get(&router, "/readyz?within=30");
    let (soon, ()) = tokio::join!(soon, async { drop(tokens.1) });
    assert_eq!(soon, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(get(&router, "/livez").await.0, StatusCode::OK);
}

#[tokio::test]
async fn metrics_have_names_with_units() {
    let mut registry = Registry::with_prefix("penstock_operator");
    let metrics = Metrics::register(&mut registry);
    metrics.ledger_revision.set(41);
    metrics
        .propagation_seconds
        .observe(Duration::from_millis(30).as_secs_f64());
    let (status, text) = get(&router(Readiness::default(), registry), "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        "penstock_operator_ledger_revision 41\n",
        "penstock_operator_ledger_bytes 0\n",
        "penstock_operator_propagation_seconds_count 1\n",
        "penstock_operator_certificate_end_seconds 0\n",
        "penstock_operator_ledger_writes_total 0\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}
