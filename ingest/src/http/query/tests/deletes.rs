//! Queries that delete what they answer.

use super::*;

/// A writer of application 1 that may delete.
const DELETER: u8 = 4;

fn with_deleter(change: impl FnOnce(&mut LedgerToken)) -> Story {
    let mut story = with_reader(|_| {});
    let mut deleter = token(DELETER);
    deleter.allow.delete = true;
    change(&mut deleter);
    story.change_ledger(|ledger| ledger.applications[0].tokens.push(deleter));
    with_hosts(&story);
    story
}

const HOST_A: &str = "start=@&end=@001ms&m=sum:sys.cpu{host=a}";

#[test]
fn what_is_answered_is_gone_at_once_and_nothing_else() {
    let all = |story: &Story| good(&story.query("start=@&m=none:sys.cpu"));
    for method in [Method::DELETE, Method::GET] {
        let story = with_deleter(|_| {});
        let overridden = if method == Method::GET {
            "&method_override=DELETE"
        } else {
            ""
        };
        let answer = story.query_as(method, DELETER, &format!("{HOST_A}{overridden}"));
        assert!(good(&answer).contains(r#""dps":{"@":1}"#), "{answer:?}");
        // The point a second later was read for interpolation, but not asked for.
        let left = all(&story);
        assert!(!left.contains(r#""@":1"#), "{left}");
        for kept in [":9", r#""@":2"#, r#""@":4"#] {
            assert!(left.contains(kept), "{left}");
        }
        // What is written later stays.
        story.write(
            1,
            r#"{"metric":"sys.cpu","timestamp":@,"value":7,"tags":{"host":"a","dc":"x"}}"#,
        );
        assert!(all(&story).contains(r#""@":7"#));
    }
}

#[test]
fn a_body_may_ask_for_it() {
    let story = with_deleter(|_| {});
    let body = r#"{"start":@,"delete":true,"queries":[{"metric":"sys.cpu","aggregator":"sum","explicitTags":true,
        "filters":[{"type":"wildcard","tagk":"host","filter":"*"}]}]}"#;
    let path = "/api/query";
    // Nobody has a host alone: nothing is answered, and nothing deleted.
    let nothing = story.ask(Method::POST, path, Some(DELETER), body);
    assert_eq!(good(&nothing), "[]");
    assert_eq!(story.stored(1).len(), 3);
    let body = body.replace("\"explicitTags\":true,", "");
    let all = story.ask(Method::POST, path, Some(DELETER), &body);
    assert!(good(&all).contains(r#""dps":{"@":7,"#), "{all:?}");
    assert!(story.stored(1).is_empty());
}

#[test]
fn the_right_is_needed_and_its_tags_are_filters() {
    let story = with_deleter(|deleter| deleter.tags = tags(&[("dc", "y")]));
    let deleting = |token| story.query_as(Method::DELETE, token, "start=@&m=sum:sys.cpu");
    assert_eq!(deleting(READER).status, 403);
    assert_eq!(deleting(1).status, 403, "a writer that may not delete");
    assert!(good(&deleting(DELETER)).contains(r#""dps":{"@":4}"#));
    assert_eq!(story.stored(1).len(), 2);
    // Who deletes does not read.
    let reading = story.query_as(Method::GET, DELETER, "start=@&m=sum:sys.cpu");
    assert_eq!(reading.status, 403);
}

#[test]
fn a_query_that_is_refused_deletes_nothing() {
    let story = with_deleter(|_| {});
    let before = story.stored(1);
    for arguments in [
        "start=@&m=sum:sys.cpu&m=sum:nosuch",
        "start=@&end=1&m=sum:sys.cpu",
    ] {
        let refused = story.query_as(Method::DELETE, DELETER, arguments);
        assert_eq!(refused.status, 400, "{arguments}");
    }
    assert_eq!(story.stored(1), before);
}
