//! What the server is told before it starts: `ingest.yaml`, then the environment, then the checks.
//!
//! ```text
//! ingest.yaml --parse--> RawConfig --PENSTOCK_* overlay--> RawConfig --validate--> Config
//!  (missing = all defaults)                                          (nothing left to doubt)
//! ```
//!
//! Everything that can be wrong with the text is found here, before a port is bound or a file of the store is
//! touched; [`ConfigError`] means exit code 2. An unknown field is an error, an unknown environment variable is not:
//! Kubernetes puts `PENSTOCK_SERVICE_HOST` and its like into every container beside a service of that name.
//!
//! What is not here: the limits of an application. They come with the ledger.

mod memory;
mod raw;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use penstock_tenancy::LedgerVolume;

pub use memory::MemoryBudget;
pub use raw::{RawConfig, RawLog};

use crate::http::cors::{Cors, NoOrigin};

/// Settings that have been checked. Fields are public so that a program which embeds the server, as
/// `penstock standalone` does, can start from [`Config::for_directory`] and set what its command line says.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the store and the last good ledger live.
    pub data_directory: PathBuf,
    /// Which ports are opened.
    pub listen: Listen,
    /// Where the ledger comes from.
    pub ledger: LedgerSource,
    /// The name of the data volume in the ledger's list of them.
    pub volume: Option<String>,
    /// PEM: authorities that may have signed what other servers serve. It may be missing.
    pub ca_file: PathBuf,
    /// Bytes that store, tables and request bodies share.
    pub memory: MemoryBudget,
    /// How many connections may be open, over all data listeners.
    pub connections_max: NonZeroUsize,
    /// How many event loops serve connections, each on a thread of its own.
    pub loops: NonZeroUsize,
    /// Which pages of other origins may read answers in a browser.
    pub cors: Cors,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How often certificate and ledger files are looked at for a change.
    pub watch_interval: Duration,
}

/// The ports of a server.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Takes TLS alone; telnet and HTTP inside it.
    pub tls: Option<TlsListen>,
    /// Takes plain telnet and plain HTTP. Only for a network that nobody else hears.
    pub plain: Option<SocketAddr>,
    /// Plain HTTP for probes, metrics and the ledger.
    pub admin: SocketAddr,
}

/// A TLS port and its certificate.
#[derive(Debug, Clone)]
pub struct TlsListen {
    /// The address to listen on.
    pub address: SocketAddr,
    /// PEM: the certificate and its chain, the leaf first.
    pub certificate_file: PathBuf,
    /// PEM: the private key of the leaf.
    pub key_file: PathBuf,
}

/// Where the ledger comes from.
#[derive(Debug, Clone)]
pub enum LedgerSource {
    /// Signed documents: a mount that is watched, and `POST /ledger` on the admin port.
    Signed {
        /// A file, or a folder as `docs/formats/ledger.md` draws it. It may be missing: then the kept ledger or a POST
        /// must do.
        path: PathBuf,
        /// Public keys, one of which must have signed; re-read with the ledger.
        verify_keys_file: PathBuf,
        /// The secret that `GET /ledger` asks for.
        bearer_file: PathBuf,
    },
    /// The embedding program hands ledgers over, see [`crate::server::Server::load_ledger`].
    InProcess,
}

/// How long things may take.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// From accept to the end of the TLS handshake.
    pub handshake: Duration,
    /// From there to the bytes that tell telnet from HTTP.
    pub first_bytes: Duration,
    /// Between two HTTP requests, and for the head of one.
    pub http_idle: Duration,
    /// Between two reads of an HTTP body.
    pub body_stall: Duration,
    /// Telnet sessions.
    pub telnet: TelnetTimeouts,
    /// From SIGTERM to the end of the last session.
    pub stop: Duration,
    /// From the first look at a data directory that another process still has to giving up.
    pub data_lock: Duration,
    /// From the start until ports open with a ledger that nobody has confirmed.
    pub confirmation: Duration,
}

/// How long a telnet session may keep its connection for nothing.
#[derive(Debug, Clone, Copy)]
pub struct TelnetTimeouts {
    /// From its start to the first token that it shows, by `auth` or by a tag.
    pub first_token: Duration,
    /// Between two reads.
    pub idle: Duration,
}

/// What is wrong with the configuration. Each says which field, what it was and what it may be.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no YAML, has an unknown field, or a value of the wrong type.
    #[error("{}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The parser's words, with field, line and column.
        message: String,
    },
    /// An environment variable holds no value of its type.
    #[error("environment variable {name}: {message}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// What it should be.
        message: String,
    },
    /// A number outside its range.
    #[error("{field}: {value} is outside {min}..={max}")]
    OutOfRange {
        /// The field, as in the file.
        field: &'static str,
        /// What was given.
        value: u64,
        /// The smallest legal value.
        min: u64,
        /// The largest legal value.
        max: u64,
    },
    /// A text in `corsOrigins` is no origin.
    #[error("corsOrigins: {0}")]
    Origin(#[from] NoOrigin),
    /// `volume` could stand in no ledger.
    #[error(
        "volume: {name:?} is no name of a volume: letters, digits, `.`, `_` and `-`, at most 253"
    )]
    VolumeName {
        /// What was given.
        name: String,
    },
    /// No data listener at all.
    #[error("listen: neither `tls` nor `plain` is set, so no client could connect")]
    NoListener,
    /// Two listeners on one address.
    #[error("listen: {first} and {second} are both {address}")]
    SameAddress {
        /// One listener.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// The address.
        address: SocketAddr,
    },
}

impl Config {
    /// Reads a file and the environment.
    ///
    /// # Errors
    /// [`ConfigError`]: tell the user and exit with code 2.
    pub fn load(
        path: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<(Self, RawLog), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut raw = RawConfig::parse(&text).map_err(|message| ConfigError::Parse {
            path: path.to_owned(),
            message,
        })?;
        raw.overlay(environment)?;
        let log = raw.log.clone();
        Ok((Self::validate(raw)?, log))
    }

    /// Everything at its default but the data directory, with listeners on free loopback ports, no TLS and
    /// an in-process ledger: the start for embedding programs and for tests.
    pub fn for_directory(data_directory: impl Into<PathBuf>) -> Self {
        let raw = RawConfig::default();
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            data_directory: data_directory.into(),
            listen: Listen {
                tls: None,
                plain: Some(loopback),
                admin: loopback,
            },
            ledger: LedgerSource::InProcess,
            volume: None,
            ca_file: raw.tls.ca_file,
            memory: MemoryBudget::of_machine(),
            connections_max: raw.connections,
            loops: loops_of_machine(),
            cors: Cors::default(),
            timeouts: raw.timeouts.durations(),
            watch_interval: Duration::from_millis(raw.watch_milliseconds),
        }
    }

    fn validate(raw: RawConfig) -> Result<Self, ConfigError> {
        raw.check_ranges()?;
        if let Some(volume) = &raw.volume
            && !LedgerVolume::is_name(volume)
        {
            return Err(ConfigError::VolumeName {
                name: volume.clone(),
            });
        }
        let tls = raw.listen.tls.map(|address| TlsListen {
            address,
            certificate_file: raw.tls.certificate_file,
            key_file: raw.tls.key_file,
        });
        if tls.is_none() && raw.listen.plain.is_none() {
            return Err(ConfigError::NoListener);
        }
        let listen = Listen {
            tls,
            plain: raw.listen.plain,
            admin: raw.listen.admin,
        };
        listen.check_distinct()?;
        Ok(Self {
            data_directory: raw.data_directory,
            listen,
            ledger: LedgerSource::Signed {
                path: raw.ledger.path,
                verify_keys_file: raw.ledger.verify_keys_file,
                bearer_file: raw.ledger.bearer_file,
            },
            volume: raw.volume,
            ca_file: raw.tls.ca_file,
            memory: raw
                .memory_mebibytes
                .map_or_else(MemoryBudget::of_machine, MemoryBudget::from_mebibytes),
            connections_max: raw.connections,
            loops: raw.loops.unwrap_or_else(loops_of_machine),
            cors: Cors::new(&raw.cors_origins)?,
            timeouts: raw.timeouts.durations(),
            watch_interval: Duration::from_millis(raw.watch_milliseconds),
        })
    }
}

impl Listen {
    fn check_distinct(&self) -> Result<(), ConfigError> {
        let named = [
            ("tls", self.tls.as_ref().map(|tls| tls.address)),
            ("plain", self.plain),
            ("admin", Some(self.admin)),
        ];
        for (at, (first, address)) in named.iter().enumerate() {
            for (second, other) in named.iter().skip(at + 1) {
                if let Some(address) = address
                    && Some(*address) == *other
                    && address.port() != 0
                {
                    return Err(ConfigError::SameAddress {
                        first,
                        second,
                        address: *address,
                    });
                }
            }
        }
        Ok(())
    }
}

fn loops_of_machine() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests;
