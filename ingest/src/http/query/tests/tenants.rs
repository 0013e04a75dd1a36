//! Nobody sees more than is theirs.

use proptest::prelude::*;

use super::*;

/// The token that reads application 2.
const OTHER_READER: u8 = 5;

fn with_two_readers(change: impl FnOnce(&mut LedgerToken)) -> Story {
    let mut story = with_reader(change);
    story.change_ledger(|ledger| {
        let reader = LedgerToken {
            permission: Permission::Read,
            ..token(OTHER_READER)
        };
        ledger.applications[1].tokens.push(reader);
    });
    story
}

#[test]
fn names_of_others_are_unknown() {
    let story = with_two_readers(|_| {});
    with_hosts(&story);
    story.write(
        2,
        r#"{"metric":"other","timestamp":@,"value":1,"tags":{"rack":"9"}}"#,
    );
    for (arguments, name) in [
        ("start=@&m=sum:other", "'metrics': 'other'"),
        ("start=@&m=sum:sys.cpu{rack=*}", "'tagk': 'rack'"),
        ("start=@&m=sum:sys.cpu{host=9}", "'tagv': '9'"),
    ] {
        let expected = (400, format!("No such name for {name}"));
        assert_eq!(refusal(&story.query(arguments)), expected);
    }
}

#[test]
fn a_token_with_tags_sees_only_series_that_have_them() {
    let story = with_reader(|reader| reader.tags = tags(&[("dc", "x")]));
    with_hosts(&story);
    let all = good(&story.query("start=@&end=@001ms&m=sum:sys.cpu"));
    assert!(all.contains(r#""dps":{"@":3}"#), "{all}");
    // A value that only other series have is as unknown as one that nobody has.
    for value in ["c", "nosuch"] {
        let expected = (400, format!("No such name for 'tagv': '{value}'"));
        let arguments = format!("start=@&m=sum:sys.cpu{{host={value}}}");
        assert_eq!(refusal(&story.query(&arguments)), expected);
    }
    assert_eq!(good(&story.query("start=@&m=sum:sys.cpu{dc=y*}")), "[]");
    // TSUIDs neither.
    let open = with_reader(|_| {});
    with_hosts(&open);
    let shown = good(&open.query("start=@&m=sum:sys.cpu{host=c}&show_tsuids"));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let tsuid = shown[0]["tsuids"][0].as_str().unwrap();
    assert_eq!(
        story.query(&format!("start=@&tsuid=sum:{tsuid}")).status,
        400
    );
}

#[test]
fn a_token_of_some_metrics_knows_no_others() {
    let story = with_reader(|reader| reader.allow.metric_prefixes = vec!["mem".to_owned()]);
    with_hosts(&story);
    let expected = (400, "No such name for 'metrics': 'sys.cpu'".to_owned());
    assert_eq!(refusal(&story.query("start=@&m=sum:sys.cpu")), expected);
}

/// A few series with the same few names in both applications.
fn points() -> impl Strategy<Value = Vec<(u8, u8, i64)>> {
    proptest::collection::vec((0u8..3, 0u8..3, 0i64..100), 1..12)
}

fn write(story: &Story, application: u8, points: &[(u8, u8, i64)]) {
    let points: Vec<String> = points
        .iter()
        .map(|(metric, host, value)| {
            format!(
                r#"{{"metric":"m{metric}","timestamp":@,"value":{value},"tags":{{"host":"h{host}"}}}}"#
            )
        })
        .collect();
    story.write(application, &format!("[{}]", points.join(",")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// With or without another application that has the same names, every answer is the same.
    #[test]
    fn no_answer_depends_on_another_application(own in points(), others in points()) {
        let answers = |others: &[(u8, u8, i64)]| {
            let story = with_two_readers(|_| {});
            if !others.is_empty() {
                write(&story, 2, others);
            }
            write(&story, 1, &own);
            story.clock.advance(std::time::Duration::from_mins(1));
            ["sum:m0", "sum:m1{host=*}", "max:m2{host=h1}", "none:m0{host=h*}", "count:1m-avg:m1"].map(|m| {
                let answer = story.query(&format!("start=@&show_tsuids&show_stats&show_summary&m={m}"));
                (answer.status, answer.body)
            })
        };
        prop_assert_eq!(answers(&others), answers(&[]));
    }
}
