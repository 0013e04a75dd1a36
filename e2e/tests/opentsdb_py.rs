//! opentsdb-py, a client people have: HTTP with details and gzip, and telnet with the token in a tag.
//!
//! What its `send` says it has queued is what must be read back: every value, time and tag. It retries for ever on an
//! answer that is no JSON, so a hang is the fault signal: it runs under a time limit.

use anyhow::{Context, Result, ensure};
use penstock_e2e::{Program, Series, Setup, Standalone, Telnet, wait};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Integers and decimals, seconds of the client's own clock and given ones, in 7 series.
const HTTP: &str = r#"
import json, sys
from opentsdb import TSDBClient
host, port, pair = sys.argv[1:]
client = TSDBClient(host, int(port), uri=f"http://{pair}@{host}:{port}", check_tsdb_alive=False)
for n in range(200):
    value = n * 9007199254740993 if n % 2 else n / 7
    print(json.dumps(client.send("py.http", value, timestamp=1760000000 + n, a="b", n=str(n % 7))))
print(json.dumps(client.send("py.http", 1, a="now")))
client.close()
client.wait()
print(client.statuses["success"], client.statuses["failed"])
"#;

const TELNET: &str = r#"
import json, sys
from opentsdb import TSDBClient, TSDBConnectProtocols
host, port, pair = sys.argv[1:]
client = TSDBClient(host, int(port), protocol=TSDBConnectProtocols.TELNET,
                    static_tags={"ovh.auth": pair}, check_tsdb_alive=False)
for n in range(200):
    print(json.dumps(client.send("py.telnet", n / 7, a="b", n=str(n))))
client.close()
client.wait()
"#;

/// What `send` answers.
#[derive(Deserialize)]
struct Sent {
    metric: String,
    timestamp: i64,
    value: serde_json::Number,
    tags: BTreeMap<String, String>,
}

/// The series that these points make, with the token's tag and without its key, by name.
fn series_of(points: &[Sent]) -> Vec<Series> {
    let mut all = BTreeMap::new();
    for sent in points {
        let mut tags = sent.tags.clone();
        tags.remove("ovh.auth");
        tags.insert("site".to_owned(), "lab".to_owned());
        let empty = Series {
            metric: sent.metric.clone(),
            tags,
            points: Vec::new(),
        };
        let series = all.entry(empty.name()).or_insert(empty);
        series
            .points
            .push((sent.timestamp * 1_000, sent.value.to_string()));
    }
    all.into_values().collect()
}

fn by_name(mut stored: Vec<Series>) -> Vec<Series> {
    stored.sort_by_key(Series::name);
    stored
}

fn run(server: &Standalone, script: &str) -> Result<String> {
    let python = std::env::var("PENSTOCK_PYTHON")
        .context("run scripts/setup test, then set PENSTOCK_PYTHON")?;
    let plain = server.plain().address;
    let (host, port) = (plain.ip().to_string(), plain.port().to_string());
    let pair = server.token("device")?.pair();
    Program::new(python)
        .args(["-c", script, &host, &port, &pair])
        .run()
}

fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Sent>> {
    lines
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}

fn server() -> Result<Standalone> {
    Standalone::with(Setup {
        device: "tags: {site: lab}".to_owned(),
        ..Setup::default()
    })
}

#[test]
fn over_http_every_point_is_counted_and_read_back() -> Result<()> {
    let server = server()?;
    let told = run(&server, HTTP)?;
    let mut lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.pop(), Some("201 0"));
    let sent = parse(lines.into_iter())?;
    assert_eq!(by_name(server.export("py.http")?), series_of(&sent));
    Ok(())
}

#[test]
fn over_telnet_every_point_is_read_back_and_the_token_tag_consumed() -> Result<()> {
    let server = server()?;
    let told = run(&server, TELNET)?;
    let sent = parse(told.lines())?;
    ensure!(sent.iter().all(|sent| sent.tags.contains_key("host")));
    // The client has closed; what it sent is read once its session has ended.
    let stored = wait::until("200 series", || {
        let stored = server.export("py.telnet")?;
        Ok((stored.len() == 200).then_some(stored))
    })?;
    assert_eq!(by_name(stored), series_of(&sent));
    let session = Telnet::login(&server.plain(), &server.token("device")?)?;
    assert_eq!(session.finish()?, "");
    Ok(())
}
