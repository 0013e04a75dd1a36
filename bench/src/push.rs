//! One load on a server that is already running.

use crate::dataset::{Order, Shape};
use crate::load::{Load, Protocol};
use anyhow::{Context, Result};
use clap::Args;
use penstock_e2e::{Endpoint, Token};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

/// Where to push what.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The server's listener.
    #[arg(long, default_value = "127.0.0.1:4242")]
    address: SocketAddr,
    /// Trust this CA and use TLS; plain text without it.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Folder with the files `id` and `key` of a write token.
    #[arg(long)]
    token: Option<PathBuf>,
    /// HTTP with so many points a request; telnet without it.
    #[arg(long)]
    points_per_request: Option<NonZeroU64>,
    /// Connections, a thread each.
    #[arg(long, default_value = "4")]
    connections: NonZeroU32,
    /// Distinct series; all of them new with another seed.
    #[arg(long, default_value = "10000")]
    series: NonZeroU32,
    /// Points of every series.
    #[arg(long, default_value_t = 100)]
    steps: u32,
    /// Steps that an earlier push has sent.
    #[arg(long, default_value_t = 0)]
    first_step: u32,
    /// Order of the series within a step.
    #[arg(long, value_enum, default_value_t = Order::Fixed)]
    order: Order,
    /// Seed of the values.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Arguments {
    /// Pushes, and says how fast it went.
    ///
    /// # Errors
    /// When the server refuses anything.
    pub(crate) fn run(&self) -> Result<String> {
        let endpoint = match &self.ca {
            Some(ca) => Endpoint::tls(self.address, ca)?,
            None => Endpoint::plain(self.address),
        };
        let token = self
            .token
            .as_deref()
            .map(Token::read)
            .transpose()
            .context("token")?;
        let protocol = match self.points_per_request {
            Some(points_per_request) => Protocol::Http { points_per_request },
            None => Protocol::Telnet,
        };
        let shape = Shape {
            seed: self.seed,
            series: self.series,
            order: self.order,
            first_step: self.first_step,
            steps: self.steps,
        };
        let load = Load {
            endpoint,
            token,
            protocol,
            connections: self.connections,
            shape,
        };
        let outcome = load.push()?;
        let speed = outcome.points_per_second();
        let answers = outcome
            .p99()
            .map(|p99| format!(", 99 of 100 answers within {p99:?}"));
        Ok(format!(
            "{} points, {speed:.0}/s{}",
            shape.points(),
            answers.unwrap_or_default()
        ))
    }
}
