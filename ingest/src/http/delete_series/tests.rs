use http::Method;
use penstock_tenancy::{LedgerToken, Permission};

use crate::story::http::Answered;
use crate::story::{Story, tags, token};

const PATH: &str = "/api/v1/admin/tsdb/delete_series";

/// Token 1 may delete; its application and another's hold the same series.
fn story(change: impl FnOnce(&mut LedgerToken)) -> Story {
    let story = Story::with(|ledger| {
        let token = &mut ledger.applications[0].tokens[0];
        token.allow.delete = true;
        change(token);
    });
    for token in [1, 2] {
        story.write(
            token,
            r#"[{"metric":"m","timestamp":@,"value":1,"tags":{"site":"paris"}},
                {"metric":"m","timestamp":@,"value":2,"tags":{"site":"rome"}},
                {"metric":"n","timestamp":@,"value":3,"tags":{"site":"paris"}}]"#,
        );
    }
    story
}

impl Story {
    /// What is stored of series that still have samples.
    fn left(&self, application: u8) -> Vec<String> {
        let mut stored = self.stored(application);
        stored.retain(|line| !line.ends_with(' '));
        stored
    }

    fn delete(&self, token: u8, arguments: &str) -> Answered {
        let path = format!("{PATH}?{arguments}");
        self.ask(Method::POST, &path, Some(token), "")
    }
}

#[test]
fn selected_series_are_gone_and_what_comes_later_stays() {
    let story = story(|_| {});
    let before = story.left(2);
    let answered = story.delete(1, "match[]=m");
    assert_eq!((answered.status, &*answered.body), (204, ""));
    assert_eq!(story.left(1), ["n{site=paris} 0=3"]);
    assert_eq!(
        story.left(2),
        before,
        "another tenant's data is not touched"
    );
    story.write(
        1,
        r#"{"metric":"m","timestamp":@,"value":9,"tags":{"site":"rome"}}"#,
    );
    assert_eq!(story.left(1), ["m{site=rome} 0=9", "n{site=paris} 0=3"]);
}

#[test]
fn a_window_keeps_what_lies_outside() {
    let story = Story::with(|ledger| ledger.applications[0].tokens[0].allow.delete = true);
    story.write(
        1,
        r#"[{"metric":"m","timestamp":1,"value":1},{"metric":"m","timestamp":2,"value":2},
            {"metric":"m","timestamp":3,"value":3},{"metric":"m","timestamp":4,"value":4}]"#,
    );
    assert_eq!(story.delete(1, "match=m&start=2&end=3").status, 204);
    let stored = story.left(1);
    assert!(
        stored[0].ends_with("=4") && stored[0].contains("=1 "),
        "{stored:?}"
    );
    assert!(
        !stored[0].contains("=2") && !stored[0].contains("=3"),
        "{stored:?}"
    );
}

#[test]
fn the_tokens_tags_and_prefixes_are_filters() {
    let mut story = story(|_| {});
    story.change_ledger(|ledger| {
        ledger.applications[0].tokens[0].tags = tags(&[("site", "paris")]);
    });
    assert_eq!(story.delete(1, "match=m").status, 204);
    assert_eq!(story.left(1), ["m{site=rome} 0=2", "n{site=paris} 0=3"]);
    story.change_ledger(|ledger| {
        let token = &mut ledger.applications[0].tokens[0];
        token.tags = tags(&[]);
        token.allow.metric_prefixes = vec!["m".to_owned()];
    });
    assert_eq!(story.delete(1, "match=n&match=m").status, 204);
    assert_eq!(story.left(1), ["n{site=paris} 0=3"]);
}

#[test]
fn only_a_write_token_that_may_deletes() {
    let mut story = story(|_| {});
    story.change_ledger(|ledger| {
        let reader = LedgerToken {
            permission: Permission::Read,
            ..token(3)
        };
        ledger.applications[0].tokens.push(reader);
    });
    let before = (story.left(1), story.left(2));
    // A read token, and a write token without the right.
    for token in [3, 2] {
        let refused = story.delete(token, "match=m");
        assert_eq!(refused.status, 403, "{}", refused.body);
    }
    let path = format!("{PATH}?match=m");
    assert_eq!(story.ask(Method::POST, &path, None, "").status, 401);
    // A selector is needed, and one that does not take everything.
    for arguments in ["", "match=%7B%7D", "match=m&start=never"] {
        assert_eq!(story.delete(1, arguments).status, 400, "{arguments}");
    }
    assert_eq!((story.left(1), story.left(2)), before);
}
