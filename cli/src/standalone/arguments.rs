//! The command line of `penstock standalone`, raw and checked.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum as _;
use penstock_api::Endpoints;
use penstock_daemon::LogFormat;
use penstock_ingest::config::{Config, RawLog, TlsListen};
use penstock_ingest::http::cors::{Cors, NoOrigin};
use rustls_pki_types::ServerName;

use super::authority::Authority;

/// Serve on this machine, from a folder of manifests, without Kubernetes
///
/// The manifests are those that `kubectl apply` takes: `MetricsApplication`, `WriteToken`, `ReadToken`, and Secrets
/// that tokens take their keys from. They are watched: a change takes effect within a second, a mistake is reported
/// with file, line and field and changes nothing.
///
/// Ids, keys and addresses for devices are written to `DATA/secrets/NAMESPACE/SECRET/`, one file each; the
/// certificate that clients must trust is `DATA/tls/ca.crt`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Folder of manifests (.yaml, .yml, .json); it is read, never written
    #[arg(long, value_name = "DIR")]
    manifests: PathBuf,

    /// Folder for points, keys and certificates; made if it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// Address for telnet and HTTPS, both inside TLS
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4242")]
    listen: SocketAddr,

    /// Address for the same without TLS; only where nobody can listen in
    #[arg(long, value_name = "ADDR")]
    listen_plain: Option<SocketAddr>,

    /// Address for /livez, /readyz and /metrics, plain HTTP
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    admin: SocketAddr,

    /// Another name or address that clients use for this server; the certificate is valid for it. May be repeated
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    tls_san: Vec<String>,

    /// Origin whose pages may read answers in a browser, such as `https://grafana.example.com`; * for all. May be
    /// repeated; without it there is none
    #[arg(long, value_name = "ORIGIN")]
    cors_origin: Vec<String>,

    /// What is logged: error, warn, info, debug, trace, or `penstock_ingest=debug` and the like
    #[arg(
        long,
        value_name = "LEVEL",
        env = "PENSTOCK_LOG_LEVEL",
        default_value = "info"
    )]
    log_level: String,

    /// How it is logged: text, json, or auto for text on a terminal and JSON elsewhere
    #[arg(long, value_name = "FORMAT", env = "PENSTOCK_LOG_FORMAT", default_value = "auto", value_parser = parse_format)]
    log_format: LogFormat,
}

/// What the command line says and cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentsError {
    /// The manifests are not there.
    #[error("--manifests {}: cannot be read", path.display())]
    Manifests {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// One port cannot do two things.
    #[error("--{first} and --{second} are both {address}")]
    SameAddress {
        first: &'static str,
        second: &'static str,
        address: SocketAddr,
    },
    /// An origin is none.
    #[error("--cors-origin {0}")]
    Origin(#[from] NoOrigin),
}

/// A command line that can be obeyed.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) manifests: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) log: RawLog,
    listen: SocketAddr,
    listen_plain: Option<SocketAddr>,
    admin: SocketAddr,
    names: Vec<String>,
    cors: Cors,
}

impl Arguments {
    /// Checks what can be checked without touching anything.
    ///
    /// # Errors
    /// [`ArgumentsError`]: exit code 2.
    pub(crate) fn check(self) -> Result<Settings, ArgumentsError> {
        if let Err(source) = std::fs::read_dir(&self.manifests) {
            return Err(ArgumentsError::Manifests {
                path: self.manifests,
                source,
            });
        }
        let addresses = [
            ("listen", Some(self.listen)),
            ("listen-plain", self.listen_plain),
            ("admin", Some(self.admin)),
        ];
        for (at, (first, address)) in addresses.iter().enumerate() {
            for (second, other) in addresses.iter().skip(at + 1) {
                if let Some(address) = address
                    && Some(*address) == *other
                    && address.port() != 0
                {
                    return Err(ArgumentsError::SameAddress {
                        first,
                        second,
                        address: *address,
                    });
                }
            }
        }
        Ok(Settings {
            manifests: self.manifests,
            data: self.data,
            log: RawLog {
                level: self.log_level,
                format: self.log_format,
            },
            listen: self.listen,
            listen_plain: self.listen_plain,
            admin: self.admin,
            names: self.tls_san,
            cors: Cors::new(&self.cors_origin)?,
        })
    }
}

impl Settings {
    /// Every name and address that the certificate must be valid for.
    pub(crate) fn certificate_names(&self) -> Vec<String> {
        let mut names = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        let addresses = [Some(self.listen), self.listen_plain, Some(self.admin)];
        let specific = addresses.into_iter().flatten().map(|address| address.ip());
        names.extend(
            specific
                .filter(|ip| !ip.is_unspecified())
                .map(|ip| ip.to_string()),
        );
        names.extend(self.names.iter().cloned());
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    /// What the server is told.
    pub(crate) fn server_config(&self, authority: &Authority) -> Config {
        let mut config = Config::for_directory(self.data.join("store"));
        config.listen.tls = Some(TlsListen {
            address: self.listen,
            certificate_file: authority.leaf_file(),
            key_file: authority.leaf_key_file(),
        });
        config.listen.plain = self.listen_plain;
        config.listen.admin = self.admin;
        config.cors = self.cors.clone();
        // Whoever has the data has the lock of the folder above it too, for which nobody waits.
        config.timeouts.data_lock = Duration::ZERO;
        config
    }

    /// Where clients find the server, once it has its port.
    pub(crate) fn endpoints(&self, port: u16, ca: &str) -> Endpoints {
        let ip = self.listen.ip();
        let host = match self.names.first() {
            Some(name) => name.clone(),
            None if ip.is_unspecified() => "localhost".to_owned(),
            None => ip.to_string(),
        };
        Endpoints {
            host,
            port,
            ca: ca.to_owned(),
        }
    }
}

fn parse_name(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    match ServerName::try_from(text) {
        Ok(_) => Ok(text.to_ascii_lowercase()),
        Err(_) => Err(format!("{text:?} is neither a DNS name nor an IP address")),
    }
}

fn parse_format(text: &str) -> Result<LogFormat, String> {
    LogFormat::from_str(text, false).map_err(|_| format!("{text:?} is none of auto, text, json"))
}

#[cfg(test)]
mod tests;
