//! Every limit of a read token, hit.

use super::*;

fn refused(change: impl FnOnce(&mut LedgerToken), arguments: &str) -> (u16, String) {
    let story = with_reader(change);
    with_hosts(&story);
    refusal(&story.query(arguments))
}

#[test]
fn a_query_says_which_limit_it_hit() {
    assert_eq!(
        refused(|t| t.read_limits.max_series = 2, "start=@&m=sum:sys.cpu"),
        (
            413,
            "The query selects more than 2 series (limit: maxSeries)".to_owned()
        )
    );
    assert_eq!(
        refused(|t| t.read_limits.max_samples = 3, "start=@&m=sum:sys.cpu"),
        (
            413,
            "The query reads or fills more than 3 samples (limit: maxSamples)".to_owned()
        )
    );
    assert_eq!(
        refused(
            |t| t.read_limits.max_range_days = 7,
            "start=8d-ago&m=sum:sys.cpu"
        ),
        (
            413,
            "The query asks for more than 7 days (limit: maxRangeDays)".to_owned()
        )
    );
    assert_eq!(
        refused(
            |t| t.read_limits.max_bytes = 1 << 20,
            "start=1d-ago&m=sum:1s-avg-nan:sys.cpu"
        ),
        (
            413,
            "The query needs more than 1048576 bytes of memory (limit: maxBytes)".to_owned()
        )
    );
}

#[test]
fn limits_hold_for_all_sub_queries_together() {
    let story = with_reader(|t| t.read_limits.max_series = 4);
    with_hosts(&story);
    let one = "start=@&m=sum:sys.cpu";
    assert_eq!(story.query(one).status, 200);
    assert_eq!(story.query(&format!("{one}&m=max:sys.cpu")).status, 413);
}

#[test]
fn absurd_requests_are_answered_quickly() {
    let story = with_reader(|_| {});
    with_hosts(&story);
    let everything = "start=0&end=253402300799&m=sum:sys.cpu";
    assert_eq!(story.query(everything).status, 200);
    let filled = "start=0&end=253402300799&m=sum:1ms-avg-zero:sys.cpu";
    assert_eq!(story.query(filled).status, 413);
    let sub_query = |at: usize| {
        format!(r#"{{"metric":"sys.cpu","aggregator":"sum","downsample":"{at}s-avg"}}"#)
    };
    let many = |count: usize| {
        let queries: Vec<String> = (1..=count).map(sub_query).collect();
        format!(r#"{{"start":"1h-ago","queries":[{}]}}"#, queries.join(","))
    };
    let (status, message) = refusal(&story.post_query("", &many(10_000)));
    assert_eq!(status, 400);
    assert!(message.contains("10000"), "{message}");
    assert_eq!(story.post_query("", &many(100)).status, 200);
    let exploding = "start=@&m=sum:sys.cpu{host=regexp((a*)*(a*)*(a*)*b)}";
    assert_eq!(good(&story.query(exploding)).matches("metric").count(), 1);
}

#[test]
fn no_refusal_quotes_half_a_megabyte() {
    let story = with_reader(|_| {});
    with_hosts(&story);
    let long = "x".repeat(500_000);
    for (path, body) in [
        (
            "/api/query",
            r#"{"start":1,"queries":[{"aggregator":"%","metric":"sys.cpu"}]}"#,
        ),
        (
            "/api/query",
            r#"{"start":1,"queries":[{"aggregator":"sum","metric":"%"}]}"#,
        ),
        (
            "/api/query",
            r#"{"start":1,"queries":[{"aggregator":"sum","tsuids":["AA","%"]}]}"#,
        ),
        ("/api/query/last", r#"{"queries":[{"metric":"%"}]}"#),
        ("/api/query/last", r#"{"queries":[{"tsuids":["%"]}]}"#),
        ("/api/query/last", r#"{"queries":[{"metric":"m"}],"%":1}"#),
        (
            "/api/query/last",
            r#"{"queries":[{"metric":"m"}],"backScan":"%"}"#,
        ),
        ("/api/search/lookup", r#"{"metric":"%"}"#),
        ("/api/search/lookup", r#"{"metric":"m","limit":"%"}"#),
        (
            "/api/search/lookup",
            r#"{"tags":[{"key":"%","value":"a"}]}"#,
        ),
        ("/api/suggest", r#"{"type":"%"}"#),
        ("/api/suggest", r#""%""#),
    ] {
        let body = body.replace('%', &long);
        let answered = story.ask(Method::POST, path, Some(READER), &body);
        assert!((400..=404).contains(&answered.status), "{path}");
        assert!(answered.body.len() < 2_000, "{path} {body:.80}");
    }
}

#[test]
fn absurd_fills_are_refused_at_once() {
    let story = with_reader(|_| {});
    with_hosts(&story);
    let always = "start=0&end=253402300799999";
    for m in [
        "sum:1ms-avg-zero:sys.cpu",
        "sum:1sc-avg-zero:sys.cpu",
        "none:1mc-avg-nan:sys.cpu",
    ] {
        let (status, message) = refusal(&story.query(&format!("{always}&m={m}")));
        assert_eq!(status, 413, "{m}");
        assert!(message.contains("(limit: max"), "{m}: {message}");
    }
    let days = story.query(&format!("{always}&m=sum:1nc-avg-zero:sys.cpu&arrays"));
    assert_eq!(good(&days).matches("],[").count() + 1, 8_030 * 12);
}
