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
