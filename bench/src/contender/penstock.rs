//! Our server: the release build of `penstock standalone`, as a user starts it.

use super::{Queried, Restart, Server, on_server_core};
use crate::scenario::{Stage, Wire};
use crate::usage;
use anyhow::{Context, Result};
use penstock_e2e::{Endpoint, Http, Setup, Standalone, Token};
use std::time::Instant;

/// No limit on what the load has plenty of. Each is still counted, as with a limit that is not met.
const LIMITS: &str =
    "limits: {pointsPerSecond: 1000000000, activeSeries: 100000000, newSeriesPerHour: 100000000}";

/// What a million newest points take.
const READ_LIMITS: &str = "limits: {maxSeries: 100000000, maxBytes: 4294967296, maxSeconds: 600}";

const LOG_METRIC: &str = "penstock_store_log_in_use_bytes";

/// A server with its own temporary data.
#[derive(Debug)]
pub(crate) struct Penstock {
    server: Standalone,
}

impl Penstock {
    pub(crate) fn start() -> Result<Penstock> {
        let setup = Setup {
            wrapper: on_server_core(),
            application: LIMITS.to_owned(),
            ..Setup::default()
        };
        Ok(Penstock {
            server: Standalone::with(setup)?,
        })
    }

    /// With limits that leave room for a million series in an answer.
    pub(crate) fn start_for_queries() -> Result<Penstock> {
        let server = Penstock::start()?;
        let manifests = server.server.manifests();
        manifests.read_token("asking", "plant", READ_LIMITS)?;
        server.server.token("asking")?;
        Ok(server)
    }

    /// Bytes of the log that no block has yet, from the server's own metrics.
    fn log_bytes(&self) -> Result<u64> {
        let metrics = Http::connect(&self.server.admin())?
            .get("/metrics", "")?
            .text();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(LOG_METRIC));
        Ok(line.context(LOG_METRIC)?.trim().parse()?)
    }
}

impl Server for Penstock {
    fn process(&mut self) -> Result<u32> {
        Ok(self.server.process()?.id())
    }

    fn endpoint(&self, _: &Stage, wire: Wire) -> Result<Endpoint> {
        match wire {
            Wire::Tls => self.server.tls(),
            Wire::Plain => Ok(self.server.plain()),
        }
    }

    fn token(&self) -> Result<Option<Token>> {
        self.server.token("device").map(Some)
    }

    fn kill_and_start_again(&mut self) -> Result<Option<Restart>> {
        let log_bytes = self.log_bytes()?;
        self.server.kill()?;
        let start = Instant::now();
        self.server.start_again()?;
        let seconds = start.elapsed().as_secs_f64();
        let processor_seconds = usage::processor_seconds(self.process()?)?;
        Ok(Some(Restart {
            seconds,
            processor_seconds,
            log_bytes,
        }))
    }
}

impl Queried for Penstock {
    fn lines(&self) -> Endpoint {
        self.server.plain()
    }

    fn http(&self) -> Endpoint {
        self.server.plain()
    }

    fn reader(&self) -> Result<Option<Token>> {
        self.server.token("asking").map(Some)
    }

    /// A server that ends leaves nothing but blocks.
    fn flush(&mut self) -> Result<()> {
        self.server.stop()?;
        self.server.start_again()
    }
}
