//! `victoria-metrics`, single node, as its users run it. It has no TLS here and answers before it writes to disk.

use super::{Queried, Restart, Server, on_server_core};
use crate::load::Protocol;
use crate::scenario::{Stage, Wire};
use anyhow::{Context, Result, ensure};
use penstock_e2e::{Endpoint, Http, Process, Token, wait};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = "victoria-metrics";

/// Its own loopback address, so that fixed ports meet nobody.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 8, 4, 28));
const HTTP_PORT: u16 = 8428;
const TELNET_PORT: u16 = 14_242;
const PUT_PORT: u16 = 14_243;

/// A server with its own temporary data.
#[derive(Debug)]
pub(crate) struct VictoriaMetrics {
    process: Process,
    _folder: TempDir,
}

/// Whether the program is on the PATH.
pub(crate) fn is_installed() -> bool {
    let mut version = Command::new(PROGRAM);
    version
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    version.status().is_ok()
}

impl VictoriaMetrics {
    pub(crate) fn start() -> Result<VictoriaMetrics> {
        VictoriaMetrics::start_with(&[])
    }

    /// Without its cache of answers, and with limits that leave room for a million series in an answer.
    pub(crate) fn start_for_queries() -> Result<VictoriaMetrics> {
        VictoriaMetrics::start_with(&[
            "-search.disableCache",
            "-search.maxUniqueTimeseries=2000000",
            "-search.maxTagValues=2000000",
            "-search.maxQueryDuration=10m",
        ])
    }

    fn start_with(arguments: &[&str]) -> Result<VictoriaMetrics> {
        let folder = tempfile::Builder::new()
            .prefix("penstock-bench-")
            .tempdir()?;
        let words = on_server_core();
        let (program, pinned) = words.split_first().context("a program")?;
        let mut command = Command::new(program);
        command.args(pinned).arg(PROGRAM);
        command.arg(format!(
            "-storageDataPath={}",
            folder.path().join("data").display()
        ));
        command.args([
            "-retentionPeriod=100y",
            "-loggerLevel=WARN",
            "-selfScrapeInterval=0",
        ]);
        command.args(arguments);
        command.arg(format!("-httpListenAddr={ADDRESS}:{HTTP_PORT}"));
        command.arg(format!("-opentsdbListenAddr={ADDRESS}:{TELNET_PORT}"));
        command.arg(format!("-opentsdbHTTPListenAddr={ADDRESS}:{PUT_PORT}"));
        let process = Process::start(&mut command, &folder.path().join("log"))?;
        let server = VictoriaMetrics {
            process,
            _folder: folder,
        };
        wait::until("VictoriaMetrics is healthy", || {
            let Ok(mut http) = Http::connect(&server.http()) else {
                return Ok(None);
            };
            let answer = http.request("GET", "/health", &[], b"");
            Ok(answer
                .is_ok_and(|answer| answer.status == 200)
                .then_some(()))
        })
        .with_context(|| server.process.output())?;
        Ok(server)
    }
}

impl Server for VictoriaMetrics {
    fn process(&mut self) -> Result<u32> {
        Ok(self.process.id())
    }

    fn endpoint(&self, stage: &Stage, _: Wire) -> Result<Endpoint> {
        let port = match stage.protocol {
            Protocol::Telnet => TELNET_PORT,
            Protocol::Http { .. } => PUT_PORT,
        };
        Ok(Endpoint::plain(SocketAddr::new(ADDRESS, port)))
    }

    fn token(&self) -> Result<Option<Token>> {
        Ok(None)
    }

    fn kill_and_start_again(&mut self) -> Result<Option<Restart>> {
        Ok(None)
    }
}

impl Queried for VictoriaMetrics {
    fn lines(&self) -> Endpoint {
        Endpoint::plain(SocketAddr::new(ADDRESS, TELNET_PORT))
    }

    fn http(&self) -> Endpoint {
        Endpoint::plain(SocketAddr::new(ADDRESS, HTTP_PORT))
    }

    fn reader(&self) -> Result<Option<Token>> {
        Ok(None)
    }

    fn flush(&mut self) -> Result<()> {
        let flushed = Http::connect(&self.http())?.get("/internal/force_flush", "")?;
        ensure!(flushed.status == 200, "{}", flushed.text());
        Ok(())
    }
}
