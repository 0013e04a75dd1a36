//! collectd, unmodified: `write_tsdb` speaks plain telnet to stunnel, stunnel speaks TLS to the server.
//!
//! collectd's own CSV files tell what it sent: every value must be read back.

use anyhow::{Context, Result};
use penstock_e2e::{Process, Series, Setup, Standalone, wait};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

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
LoadPlugin csv
<Plugin csv>
  DataDir "{folder}/csv"
  StoreRates true
</Plugin>
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

/// Values in all CSV files: lines after each file's heading, a value in each column but the first.
fn values_sent(folder: &Path) -> Result<usize> {
    let mut values = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path)?;
                values += text
                    .lines()
                    .skip(1)
                    .map(|line| line.matches(',').count())
                    .sum::<usize>();
            }
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
    fs::create_dir_all(folder.join("csv"))?;

    let mut entrance = server.plain().address;
    entrance.set_port(4343);
    let configuration = server.scratch("stunnel.conf");
    fs::write(&configuration, stunnel_configuration(&server, entrance)?)?;
    let mut command = Command::new("stunnel4");
    let mut stunnel = Process::start(command.arg(&configuration), &server.scratch("stunnel.log"))?;
    wait::until("stunnel listens", || {
        anyhow::ensure!(stunnel.ended()?.is_none(), "stunnel: {}", stunnel.output());
        Ok(std::net::TcpStream::connect(entrance).ok())
    })?;

    let configuration = server.scratch("collectd.conf");
    let pair = server.token("device")?.pair();
    fs::write(
        &configuration,
        collectd_configuration(&folder, entrance, &pair),
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

    let sent = values_sent(&folder.join("csv"))?;
    let stored = wait::until("all values are stored", || {
        let stored = server.export(r#"{dc="lga"}"#)?;
        Ok((points(&stored) >= sent).then_some(stored))
    })
    .with_context(|| format!("{sent} were sent"))?;
    assert_eq!(points(&stored), sent);
    for series in stored {
        let tag = |name: &str| series.tags.get(name).map(String::as_str);
        assert_eq!(
            (tag("site"), tag("fqdn")),
            (Some("lab"), Some("collector")),
            "{}",
            series.name()
        );
        assert_eq!(tag("ovh.auth"), None);
    }
    Ok(())
}
