//! collectd, unmodified: `write_tsdb` speaks plain telnet to stunnel, stunnel speaks TLS to the server.
//!
//! Between the two every byte is noted: each value, with its time and tags, must be read back.

use anyhow::{Context, Result, ensure};
use penstock_e2e::{Process, Series, Setup, Standalone, wait};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread::{self, JoinHandle};

/// So many values are enough to have seen several buffers.
const VALUES_MIN: usize = 60;

fn stunnel_configuration(server: &Standalone, accept: SocketAddr) -> Result<String> {
    Ok(format!(
        "foreground = yes\npid =\n[penstock]\nclient = yes\naccept = {accept}\nconnect = {}\nCAfile = {}\nverifyChain = yes\n",
        server.tls()?.address,
        server.ca().display()
    ))
}

fn collectd_configuration(folder: &Path, target: SocketAddr, pair: &str) -> String {
    let folder = folder.display();
    let (host, port) = (target.ip(), target.port());
    format!(
        r#"
Hostname "collector"
FQDNLookup false
BaseDir "{folder}"
PIDFile "{folder}/pid"
TypesDB "/usr/share/collectd/types.db"
Interval 1
LoadPlugin load
LoadPlugin memory
LoadPlugin write_tsdb
<Plugin write_tsdb>
  <Node>
    Host "{host}"
    Port "{port}"
    HostTags "ovh.auth={pair} dc=lga"
    StoreRates true
  </Node>
</Plugin>
"#
    )
}

/// Passes the first connection on to `target`; gives what came through when the sender has closed it.
fn tap(listener: TcpListener, target: SocketAddr) -> JoinHandle<Result<String>> {
    thread::spawn(move || {
        let (mut sender, _) = listener.accept()?;
        drop(listener);
        let mut receiver = TcpStream::connect(target)?;
        let (mut seen, mut buffer) = (Vec::new(), [0; 4_096]);
        loop {
            let read = sender.read(&mut buffer)?;
            let piece = buffer.get(..read).context("read more than asked for")?;
            if piece.is_empty() {
                receiver.shutdown(Shutdown::Write)?;
                return Ok(String::from_utf8(seen)?);
            }
            seen.extend_from_slice(piece);
            receiver.write_all(piece)?;
        }
    })
}

/// Series to seconds to values; of two values of a second the later one counts.
type Values = BTreeMap<String, BTreeMap<i64, f64>>;

/// What lines of `put` say, with the token's tag and without its key.
fn sent_in(lines: &str) -> Result<Values> {
    let mut values = Values::new();
    for line in lines.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["put", metric, seconds, value, tags @ ..] = &words[..] else {
            anyhow::bail!("no put: {line}");
        };
        let mut tags: BTreeMap<String, String> = tags
            .iter()
            .map(|tag| tag.split_once('=').with_context(|| line.to_owned()))
            .map(|tag| tag.map(|(key, value)| (key.to_owned(), value.to_owned())))
            .collect::<Result<_>>()?;
        ensure!(tags.remove("ovh.auth").is_some(), "no token: {line}");
        tags.insert("site".to_owned(), "lab".to_owned());
        let series = Series {
            metric: (*metric).to_owned(),
            tags,
            points: Vec::new(),
        };
        let times = values.entry(series.name()).or_default();
        times.insert(seconds.parse()?, value.parse()?);
    }
    Ok(values)
}

fn read_back(stored: &[Series]) -> Result<Values> {
    let mut values = Values::new();
    for series in stored {
        let times = values.entry(series.name()).or_default();
        for (millis, value) in &series.points {
            ensure!(millis % 1_000 == 0, "{millis} was no second");
            times.insert(millis / 1_000, value.parse()?);
        }
    }
    Ok(values)
}

fn points(stored: &[Series]) -> usize {
    stored.iter().map(|series| series.points.len()).sum()
}

#[test]
fn collectd_through_stunnel_loses_nothing() -> Result<()> {
    let device = "tags: {site: lab}".to_owned();
    let server = Standalone::with(Setup {
        device,
        ..Setup::default()
    })?;
    let folder = server.scratch("collectd");
    fs::create_dir_all(&folder)?;

    let mut entrance = server.plain().address;
    entrance.set_port(4343);
    let listener = TcpListener::bind((entrance.ip(), 0))?;
    let tapped = listener.local_addr()?;
    let configuration = server.scratch("stunnel.conf");
    fs::write(&configuration, stunnel_configuration(&server, entrance)?)?;
    let mut command = Command::new("stunnel4");
    let mut stunnel = Process::start(command.arg(&configuration), &server.scratch("stunnel.log"))?;
    wait::until("stunnel listens", || {
        anyhow::ensure!(stunnel.ended()?.is_none(), "stunnel: {}", stunnel.output());
        Ok(TcpStream::connect(entrance).ok())
    })?;

    let through = tap(listener, entrance);
    let configuration = server.scratch("collectd.conf");
    let pair = server.token("device")?.pair();
    fs::write(
        &configuration,
        collectd_configuration(&folder, tapped, &pair),
    )?;
    let mut command = Command::new("collectd");
    command.arg("-f").arg("-C").arg(&configuration);
    let mut collectd = Process::start(&mut command, &server.scratch("collectd.log"))?;
    wait::until("collectd has sent enough", || {
        anyhow::ensure!(
            collectd.ended()?.is_none(),
            "collectd: {}",
            collectd.output()
        );
        Ok((points(&server.export(r#"{dc="lga"}"#)?) >= VALUES_MIN).then_some(()))
    })
    .with_context(|| format!("{}{}", collectd.output(), stunnel.output()))?;
    // It flushes its last buffer on its way out.
    collectd.signal("TERM")?;
    collectd.wait()?;

    let through = through
        .join()
        .map_err(|_| anyhow::anyhow!("the tap died"))?;
    let sent = sent_in(&through?)?;
    let count = |values: &Values| values.values().map(BTreeMap::len).sum::<usize>();
    ensure!(count(&sent) >= VALUES_MIN, "{sent:?}");
    // The session ends after collectd does.
    let stored = wait::until("all values are stored", || {
        let stored = read_back(&server.export(r#"{dc="lga"}"#)?)?;
        Ok((count(&stored) >= count(&sent)).then_some(stored))
    })?;
    assert_eq!(stored, sent);
    for name in sent.keys() {
        ensure!(
            name.contains("fqdn=collector") && name.contains("site=lab"),
            "{name}"
        );
    }
    Ok(())
}
