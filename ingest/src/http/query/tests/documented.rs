//! Every example of the page about queries.

use super::*;

const PAGE: &str = include_str!("../../../../../docs/protocols/query.md");

/// The blocks of the page that begin with this word.
fn blocks(word: &str) -> Vec<&'static str> {
    let opening = format!("```{word}\n");
    PAGE.split(opening.as_str())
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .collect()
}

#[test]
fn every_example_of_the_page_is_answered_as_it_says() {
    let story = with_reader(|_| {});
    for points in blocks("put") {
        story.write(1, points);
    }
    let examples = blocks("example");
    assert!(examples.len() >= 6, "{}", examples.len());
    for example in examples {
        let (request, rest) = example.split_once('\n').unwrap();
        let (method, path) = request.split_once(' ').unwrap();
        let (body, expected) = match method {
            "POST" => rest.split_once('\n').unwrap(),
            _ => ("", rest),
        };
        let method: Method = method.parse().unwrap();
        let answer = story.ask(method, path, Some(READER), body);
        // `"*"` stands for an id.
        match expected.split_once('*') {
            Some((before, after)) => {
                assert!(
                    answer.body.starts_with(before),
                    "{request}: {}",
                    answer.body
                );
                assert!(answer.body.ends_with(after), "{request}: {}", answer.body);
            }
            None => assert_eq!(answer.body, expected, "{request}"),
        }
    }
}

/// OVH's guide pushes these points and asks for them with this file.
#[test]
fn the_guides_query_file_runs_literally() {
    let story = with_reader(|_| {});
    story.write(
        1,
        r#"[{"metric":"sys.cpu.nice","timestamp":1346846400,"value":18,"tags":{"host":"web01","dc":"lga"}},
            {"metric":"sys.cpu.nice","timestamp":1346846400,"value":9,"tags":{"host":"web02","dc":"lga"}}]"#,
    );
    let body = r#"{
    "start": 1346846000000,
    "end": 1346847300005,
    "queries": [{
        "metric": "sys.cpu.nice",
        "aggregator": "min",
        "downsample": "4m-avg",
        "tags": {
            "host": "*",
            "dc": "*"
        }
    }]
}"#;
    assert_eq!(
        good(&story.post_query("", body)),
        concat!(
            r#"[{"metric":"sys.cpu.nice","tags":{"dc":"lga","host":"web01"},"aggregateTags":[],"dps":{"1346846400":18.0}},"#,
            r#"{"metric":"sys.cpu.nice","tags":{"dc":"lga","host":"web02"},"aggregateTags":[],"dps":{"1346846400":9.0}}]"#
        )
    );
}
