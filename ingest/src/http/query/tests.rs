use http::Method;
use penstock_tenancy::{Ledger, LedgerToken, Permission};

use crate::story::http::Answered;
use crate::story::{NOON_S, Story, tags, token};

mod deletes;
mod documented;
mod limits;
mod tenants;

/// The token that reads application 1.
const READER: u8 = 3;

/// Application 1 with a reader too.
fn with_reader(change: impl FnOnce(&mut LedgerToken)) -> Story {
    let mut reader = LedgerToken {
        permission: Permission::Read,
        ..token(READER)
    };
    change(&mut reader);
    Story::with(|ledger: &mut Ledger| ledger.applications[0].tokens.push(reader))
}

impl Story {
    /// `@` in the arguments stands for noon.
    fn query(&self, arguments: &str) -> Answered {
        self.query_as(Method::GET, READER, arguments)
    }

    fn query_as(&self, method: Method, token: u8, arguments: &str) -> Answered {
        let arguments = arguments.replace('@', &NOON_S.to_string());
        self.ask(method, &format!("/api/query?{arguments}"), Some(token), "")
    }

    fn post_query(&self, arguments: &str, body: &str) -> Answered {
        let path = format!("/api/query{arguments}");
        self.ask(Method::POST, &path, Some(READER), body)
    }
}

/// The body of a good answer; noon becomes `@` again.
fn good(answered: &Answered) -> String {
    assert_eq!(answered.status, 200, "{}", answered.body);
    answered.body.replace(&NOON_S.to_string(), "@")
}

/// Status and message of a refusal.
fn refusal(answered: &Answered) -> (u16, String) {
    let body: serde_json::Value = serde_json::from_str(&answered.body).unwrap();
    let message = body["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(body["error"]["code"], answered.status);
    (answered.status, message)
}

/// Three hosts in two sites, a value each at noon and a second later.
fn with_hosts(story: &Story) {
    story.write(
        1,
        r#"[{"metric":"sys.cpu","timestamp":@,"value":1,"tags":{"host":"a","dc":"x"}},
            {"metric":"sys.cpu","timestamp":@001,"value":9,"tags":{"host":"a","dc":"x"}},
            {"metric":"sys.cpu","timestamp":@,"value":2,"tags":{"host":"b","dc":"x"}},
            {"metric":"sys.cpu","timestamp":@,"value":4,"tags":{"host":"c","dc":"y"}}]"#
            .replace("@001", &(NOON_S + 1).to_string())
            .as_str(),
    );
    story.clock.advance(std::time::Duration::from_mins(1));
}

#[test]
fn what_was_written_is_answered() {
    let story = with_reader(|_| {});
    with_hosts(&story);
    assert_eq!(
        good(&story.query("start=@&m=sum:sys.cpu{dc=x}")),
        format!(
            r#"[{{"metric":"sys.cpu","tags":{{"dc":"x"}},"aggregateTags":["host"],"dps":{{"@":3,"{}":9}}}}]"#,
            NOON_S + 1
        )
    );
    // Groups in the order in which their series came.
    assert_eq!(
        good(&story.query("start=@&end=@001ms&m=max:sys.cpu{host=*}&ms&arrays")),
        concat!(
            r#"[{"metric":"sys.cpu","tags":{"dc":"x","host":"a"},"aggregateTags":[],"dps":[[@000,1]]},"#,
            r#"{"metric":"sys.cpu","tags":{"dc":"x","host":"b"},"aggregateTags":[],"dps":[[@000,2]]},"#,
            r#"{"metric":"sys.cpu","tags":{"dc":"y","host":"c"},"aggregateTags":[],"dps":[[@000,4]]}]"#
        )
    );
    assert_eq!(good(&story.query("start=@&m=sum:sys.cpu{dc=z*}")), "[]");
}

#[test]
fn a_body_is_read_and_its_form_comes_from_the_uri() {
    let story = with_reader(|_| {});
    with_hosts(&story);
    let body = r#"{"start":@,"end":"now","msResolution":true,"showTSUIDs":true,"showQuery":true,
        "queries":[{"metric":"sys.cpu","aggregator":"sum","tags":{"host":"c"}}]}"#;
    let answer = good(&story.post_query("?arrays=false", body));
    let answer: serde_json::Value = serde_json::from_str(&answer.replace('@', "1")).unwrap();
    assert_eq!(answer[0]["dps"], serde_json::json!([[1000, 4]]));
    assert_eq!(answer[0]["query"]["index"], 0);
    let tsuid = answer[0]["tsuids"][0].as_str().unwrap().to_lowercase();
    // It works as input again, in any case.
    let again = good(&story.query(&format!("start=@&tsuid=sum:{tsuid}")));
    assert!(again.contains(r#""dps":{"@":4}"#), "{again}");
    let unknown = refusal(&story.query("start=@&tsuid=sum:00"));
    assert_eq!(unknown, (400, "No such name for 'tsuid': '00'".to_owned()));
}

#[test]
fn a_request_is_refused_with_what_to_mend() {
    let story = with_reader(|_| {});
    with_hosts(&story);
    for (arguments, message) in [
        ("m=sum:sys.cpu", "Missing parameter <code>start</code>"),
        ("start=@", "Missing sub queries"),
        ("start=@&end=@&m=sum:sys.cpu", "End time ["),
        (
            "start=@&end=1&m=sum:sys.cpu",
            "End time [1000] must be greater",
        ),
        (
            "start=@&m=summ:sys.cpu",
            "No such aggregation function: summ",
        ),
        (
            "start=@&m=sum:nosuch",
            "No such name for 'metrics': 'nosuch'",
        ),
        (
            "start=@&m=sum:sys.cpu{hst=a}",
            "No such name for 'tagk': 'hst'",
        ),
        (
            "start=@&m=sum:sys.cpu{host=z}",
            "No such name for 'tagv': 'z'",
        ),
        (
            "start=@&m=sum:sys.cpu{host}",
            "When parsing tag 'host': invalid tag: host",
        ),
        ("start=@&m=sum:5x-avg:sys.cpu", "Invalid duration (suffix)"),
        (
            "start=2013/01/01&timezone=Mars/Olympus&m=sum:sys.cpu",
            "Invalid timezone name: Mars/Olympus",
        ),
        (
            "start=@&m=sum:sys.cpu{host=regexp([)}",
            "Invalid regular expression",
        ),
    ] {
        let (status, text) = refusal(&story.query(arguments));
        assert_eq!(status, 400, "{arguments}");
        assert!(text.contains(message), "{arguments}: {text}");
    }
    for (body, message) in [
        ("", "Missing message content"),
        ("{", "Unable to parse the given JSON"),
        ("{}", "Missing start time"),
        (r#"{"start":1}"#, "Missing queries"),
        (
            r#"{"start":1,"queries":[{"metric":"sys.cpu","aggregator":"sum","filters":[
                {"type":"regexp","tagk":"host","filter":"(.{99}){99}"}]}]}"#,
            "Unable to parse the given JSON",
        ),
    ] {
        let answered = story.post_query("", body);
        let (status, text) = refusal(&answered);
        assert_eq!(status, 400, "{body}");
        assert!(text.contains(message), "{body}: {text}");
        if message.contains("JSON") {
            let answer: serde_json::Value = serde_json::from_str(&answered.body).unwrap();
            let details = answer["error"]["details"].as_str().unwrap();
            assert!(!details.is_empty(), "{body}: it does not say why");
        }
    }
    let put = story.ask(Method::PUT, "/api/query", Some(READER), "");
    assert_eq!(put.status, 405);
    let long = story.post_query("", &" ".repeat(5 << 20));
    assert_eq!(long.status, 413);
}

#[test]
fn a_credential_with_the_right_is_needed() {
    let story = with_reader(|_| {});
    with_hosts(&story);
    let ask = |token| story.ask(Method::GET, "/api/query?start=1&m=sum:sys.cpu", token, "");
    assert_eq!(ask(None).status, 401);
    assert_eq!(ask(Some(1)).status, 403, "a writer");
    assert_eq!(ask(Some(READER)).status, 200);
    // Whatever follows does not count.
    let other = story.ask(
        Method::GET,
        "/api/query/foo?start=1&m=sum:sys.cpu",
        Some(READER),
        "",
    );
    assert_eq!(other.status, 200);
}
