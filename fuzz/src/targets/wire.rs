//! What clients send before anybody knows who they are.

use penstock_ingest::listener::detect::decide;
use penstock_ingest::protocol::json::{PutBody, Shape};
use penstock_ingest::protocol::telnet::{Command, Framed, next_line, scan_line};
use penstock_tenancy::Profile;

use super::{Target, texts};

/// What a connection speaks: more bytes never change what fewer have decided.
pub(super) const DETECT: Target = Target {
    name: "detect",
    seeds: || {
        texts(&[
            "GET /api/version HTTP/1.1\r\n",
            "POST http://h/api/put HTTP/1.1\r\n",
            "OPTIONS * HTTP/1.1",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "put m 1 2 a=b\n",
            "PUT m 1 2\n",
            "\u{16}\u{3}\u{1}",
        ])
    },
    read: |input| {
        let whole = decide(input);
        for end in 0..input.len().min(64) {
            let early = decide(input.get(..end).unwrap_or_default());
            assert!(
                early.is_none() || early == whole,
                "{end} bytes say {early:?}"
            );
        }
        format!("{whole:?}")
    },
};

/// Telnet lines: however the bytes are cut into reads, the lines are the same.
pub(super) const TELNET: Target = Target {
    name: "telnet",
    seeds: || {
        texts(&[
            "put sys.cpu.nice 1346846400 18.5 host=web01 dc=lga\n",
            "put m 1346846400.123 -0 ovh.auth=id:key a=b\r\nputm m 1346846400123 1e-300\n",
            "rollup 1h-sum:count m 1346846400 5 a=b\nrollup 1h-sum m 1 2\n",
            "auth AbCdEfGhIjKl:key\nversion\nhelp\nstats\nexit\n",
            "  PUT\tm  1  9223372036854775807   \u{e9}=\u{4e2d}\n\n",
            "histogram m 1 2\nputs m 1 text\ndropcaches\nquit\n",
        ])
    },
    read: |input| {
        let mut said = Vec::new();
        for profile in [Profile::Lenient, Profile::OpenTsdb] {
            let mut rest = input;
            let end = loop {
                match next_line(rest, 1_024) {
                    Framed::Incomplete => break "more",
                    Framed::TooLong => break "too long",
                    Framed::Line { line, taken } => {
                        assert!(taken > line.len() && taken <= rest.len(), "{taken} taken");
                        said.push(say_line(line, profile));
                        rest = rest.get(taken..).unwrap_or_default();
                    }
                }
            };
            said.push(end.to_owned());
        }
        said.get(..16).unwrap_or(&said).join("; ")
    },
};

fn say_line(line: &[u8], profile: Profile) -> String {
    match scan_line(line, profile) {
        Ok(Command::Put(point) | Command::Rollup(point)) => {
            assert!(!point.metric.is_empty(), "a point without a metric");
            format!("{:?}", point.kind)
        }
        Ok(command) => format!("{command:?}"),
        Err(error) => first_words(&error.to_string()),
    }
}

/// Bodies of `/api/put` and `/api/rollup`: what is counted is what is handed out, twice the same.
pub(super) const PUT: Target = Target {
    name: "put",
    seeds: || {
        texts(&[
            r#"{"metric":"sys.cpu","timestamp":1346846400,"value":18,"tags":{"host":"web01"}}"#,
            r#"[{"metric":"a","value":"12.340"},null,{"metric":"b","timestamp":"1","value":1e5,"tags":{}}]"#,
            r#"[{"metric":"\u006d","value":-0,"tags":{"k":"v","ovh.auth":"id:key"},"more":[[{"x":1}]]}]"#,
            r#"{"metric":"m","interval":"1h","aggregator":"SUM","groupByAggregator":"","value":true}"#,
            "[]",
            " \n[ { \"value\" : NaN , \"metric\" : 5 } ] ",
            "metric=broken&value=1",
        ])
    },
    read: |input| {
        let mut said = Vec::new();
        for shape in [Shape::Put, Shape::Rollup] {
            let mut body = match PutBody::parse(input, shape) {
                Ok(body) => body,
                Err(error) => {
                    let details = error.details().unwrap_or_default();
                    said.push(format!("{error}: {}", first_words(&details)));
                    continue;
                }
            };
            let mut first = Vec::new();
            while let Some(element) = body.next_element() {
                let checked = element.check(Profile::OpenTsdb);
                first.push(match checked {
                    Ok(point) => format!("{:?} {:?}", point.kind, point.time),
                    Err(fault) => first_words(&fault.http_text()),
                });
            }
            assert_eq!(first.len(), body.len(), "elements");
            body.rewind();
            let mut again = 0;
            while body.next_element().is_some() {
                again += 1;
            }
            assert_eq!(again, body.len(), "elements after a rewind");
            first.truncate(8);
            said.push(first.join(", "));
        }
        said.join("; ")
    },
};

/// What an error says before it quotes.
fn first_words(text: &str) -> String {
    let end = text.find(['"', '[', '{']).unwrap_or(text.len());
    text.get(..end)
        .unwrap_or_default()
        .chars()
        .take(60)
        .collect()
}
