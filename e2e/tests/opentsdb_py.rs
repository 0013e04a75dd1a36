//! opentsdb-py, a client people have: HTTP with details and gzip, and telnet with the token in a tag.
//!
//! It retries for ever on an answer that is no JSON, so a hang is the fault signal: it runs under a time limit.

use anyhow::{Context, Result};
use penstock_e2e::{Program, Setup, Standalone, Telnet};

const HTTP: &str = r#"
import sys
from opentsdb import TSDBClient
host, port, pair = sys.argv[1:]
client = TSDBClient(host, int(port), uri=f"http://{pair}@{host}:{port}", check_tsdb_alive=False)
for n in range(200):
    client.send("py.http", n, a="b", n=str(n % 7))
client.close()
client.wait()
print(client.statuses)
"#;

const TELNET: &str = r#"
import sys
from opentsdb import TSDBClient, TSDBConnectProtocols
host, port, pair = sys.argv[1:]
client = TSDBClient(host, int(port), protocol=TSDBConnectProtocols.TELNET,
                    static_tags={"ovh.auth": pair}, check_tsdb_alive=False)
for n in range(200):
    client.send("py.telnet", n, a="b", n=str(n))
client.close()
client.wait()
"#;

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

fn server() -> Result<Standalone> {
    Standalone::with(Setup {
        device: "tags: {site: lab}".to_owned(),
        ..Setup::default()
    })
}

#[test]
fn over_http_every_point_is_counted_and_stored() -> Result<()> {
    let server = server()?;
    let statuses = run(&server, HTTP)?;
    // Points of one series within one second are one point to the store, but each is acknowledged.
    assert!(statuses.contains("'success': 200"), "{statuses}");
    let stored = server.export("py.http")?;
    assert_eq!(stored.len(), 7);
    for series in stored {
        assert_eq!(
            series.tags.get("site").map(String::as_str),
            Some("lab"),
            "{}",
            series.name()
        );
        assert!(!series.tags.contains_key("ovh.auth"));
    }
    Ok(())
}

#[test]
fn over_telnet_the_token_tag_is_consumed() -> Result<()> {
    let server = server()?;
    run(&server, TELNET)?;
    // The client has closed; what it sent is read once its session has ended.
    let stored = penstock_e2e::wait::until("200 series", || {
        let stored = server.export("py.telnet")?;
        Ok((stored.len() == 200).then_some(stored))
    })?;
    for series in stored {
        assert_eq!(
            series.tags.get("site").map(String::as_str),
            Some("lab"),
            "{}",
            series.name()
        );
        assert!(series.tags.contains_key("host") && !series.tags.contains_key("ovh.auth"));
    }
    let session = Telnet::login(&server.plain(), &server.token("device")?)?;
    assert_eq!(session.finish()?, "");
    Ok(())
}
