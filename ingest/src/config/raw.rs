//! `ingest.yaml` as it is written: every field, its default, unit and range. No checks across fields.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum as _;
use penstock_daemon::LogFormat;
use serde::Deserialize;

use super::{ConfigError, TelnetTimeouts, Timeouts};

/// The whole file. An empty file is legal and means all defaults.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RawConfig {
    /// Where the store and the last good ledger live. Default `/var/lib/penstock`.
    /// Environment: `PENSTOCK_DATA_DIRECTORY`.
    pub data_directory: PathBuf,
    /// Ports.
    pub listen: RawListen,
    /// The certificate of the TLS listener.
    pub tls: RawTls,
    /// Where the ledger and what proves it are found.
    pub ledger: RawLedger,
    /// The name of this server's data volume in the ledger's list of volumes: on Kubernetes the pod's name. Default: none,
    /// for a server that shares its service with no other. Environment: `PENSTOCK_VOLUME`.
    pub volume: Option<String>,
    /// MiB that store, tables and request bodies share; 64 to 1048576. Default: three quarters of the
    /// memory limit of the cgroup, or of the machine where there is none. Environment: `PENSTOCK_MEMORY_MEBIBYTES`.
    pub memory_mebibytes: Option<u64>,
    /// Open connections over all data listeners; 1 to 1000000, default 10000. At the limit no further one is
    /// accepted until one closes. Environment: `PENSTOCK_CONNECTIONS`.
    pub connections: NonZeroUsize,
    /// Threads that serve connections; 1 to 1024. Default: one a core that the process may use.
    /// Environment: `PENSTOCK_LOOPS`.
    pub loops: Option<NonZeroUsize>,
    /// Origins whose pages may read answers in a browser, such as `https://grafana.example.com`; `*` for all. Default:
    /// none. Environment: `PENSTOCK_CORS_ORIGINS`, with commas between.
    pub cors_origins: Vec<String>,
    /// How long things may take.
    pub timeouts: RawTimeouts,
    /// Milliseconds between two looks at the certificate and ledger files; 10 to 60000, default 500.
    pub watch_milliseconds: u64,
    /// What is logged, and how.
    pub log: RawLog,
}

/// Ports.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RawListen {
    /// Telnet and HTTP inside TLS. Default `0.0.0.0:4242`; `null` = none. Environment: `PENSTOCK_LISTEN_TLS`
    /// (empty = none).
    pub tls: Option<SocketAddr>,
    /// Telnet and HTTP in plain text. Default: none. Environment: `PENSTOCK_LISTEN_PLAIN`.
    pub plain: Option<SocketAddr>,
    /// Probes, metrics, ledger. Default `0.0.0.0:8080`. Environment: `PENSTOCK_LISTEN_ADMIN`.
    pub admin: SocketAddr,
}

/// The certificate of the TLS listener. Both files are read again when they change.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "these are the names in the configuration"
)]
pub struct RawTls {
    /// PEM, the leaf first. Default `/etc/penstock/tls/tls.crt`. Environment: `PENSTOCK_TLS_CERTIFICATE_FILE`.
    pub certificate_file: PathBuf,
    /// PEM. Default `/etc/penstock/tls/tls.key`. Environment: `PENSTOCK_TLS_KEY_FILE`.
    pub key_file: PathBuf,
    /// PEM: authorities that may have signed the certificates of the service's other servers, besides those in the own
    /// chain. It may be missing. Default `/etc/penstock/tls/ca.crt`. Environment: `PENSTOCK_TLS_CA_FILE`.
    pub ca_file: PathBuf,
}

/// Where the ledger and what proves it are found.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RawLedger {
    /// The signed ledger: a file, or the folder that its Secrets are mounted as. Default `/etc/penstock/ledger`.
    /// Environment: `PENSTOCK_LEDGER_PATH`.
    pub path: PathBuf,
    /// Public keys that may have signed it, one a line. Default `/etc/penstock/ledger/verify-keys`.
    /// Environment: `PENSTOCK_LEDGER_VERIFY_KEYS_FILE`.
    pub verify_keys_file: PathBuf,
    /// The secret that `GET /ledger` asks for. Default `/etc/penstock/ledger/bearer`.
    /// Environment: `PENSTOCK_LEDGER_BEARER_FILE`.
    pub bearer_file: PathBuf,
}

/// How long things may take, in seconds.
#[expect(
    clippy::struct_field_names,
    reason = "these are the names in the file, where a number needs its unit"
)]
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RawTimeouts {
    /// From accept to the end of the TLS handshake; 1 to 300, default 10.
    pub handshake_seconds: u64,
    /// From there to the bytes that tell telnet from HTTP; 1 to 86400, default 300. Collectors open a
    /// connection and keep it for the first line they have.
    pub first_bytes_seconds: u64,
    /// Between two HTTP requests, and for the head of one; 1 to 86400, default 120.
    pub http_idle_seconds: u64,
    /// Between two reads of an HTTP body; 1 to 3600, default 30.
    pub body_stall_seconds: u64,
    /// From the start of a telnet session to the first token that it shows, by `auth` or by a tag; 1 to 86400,
    /// default 300.
    pub telnet_token_seconds: u64,
    /// Between two telnet reads; 1 to 2592000, default 86400.
    pub telnet_idle_seconds: u64,
    /// From SIGTERM to the end of the last session; 1 to 300, default 5. It must fit into the pod's grace period
    /// together with the last flush.
    pub stop_seconds: u64,
    /// How long a start waits for a process that still has the data directory, as one has whose pod was deleted by force; 0
    /// to 3600, default 90: longer than the pod's grace period. Then the start has failed.
    pub data_lock_seconds: u64,
}

/// What is logged, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RawLog {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,penstock_ingest=debug`. Default `info`.
    /// Environment: `PENSTOCK_LOG_LEVEL`.
    pub level: String,
    /// Default `auto`. Environment: `PENSTOCK_LOG_FORMAT`.
    pub format: LogFormat,
}

impl Default for RawConfig {
    fn default() -> Self {
        const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
        Self {
            data_directory: "/var/lib/penstock".into(),
            listen: RawListen::default(),
            tls: RawTls::default(),
            ledger: RawLedger::default(),
            volume: None,
            memory_mebibytes: None,
            connections: CONNECTIONS,
            loops: None,
            cors_origins: Vec::new(),
            timeouts: RawTimeouts::default(),
            watch_milliseconds: 500,
            log: RawLog::default(),
        }
    }
}

impl Default for RawListen {
    fn default() -> Self {
        Self {
            tls: Some(SocketAddr::from(([0, 0, 0, 0], 4242))),
            plain: None,
            admin: SocketAddr::from(([0, 0, 0, 0], 8080)),
        }
    }
}

impl Default for RawTls {
    fn default() -> Self {
        Self {
            certificate_file: "/etc/penstock/tls/tls.crt".into(),
            key_file: "/etc/penstock/tls/tls.key".into(),
            ca_file: "/etc/penstock/tls/ca.crt".into(),
        }
    }
}

impl Default for RawLedger {
    fn default() -> Self {
        Self {
            path: "/etc/penstock/ledger".into(),
            verify_keys_file: "/etc/penstock/ledger/verify-keys".into(),
            bearer_file: "/etc/penstock/ledger/bearer".into(),
        }
    }
}

impl Default for RawTimeouts {
    fn default() -> Self {
        Self {
            handshake_seconds: 10,
            first_bytes_seconds: 300,
            http_idle_seconds: 120,
            body_stall_seconds: 30,
            telnet_token_seconds: 300,
            telnet_idle_seconds: 86_400,
            stop_seconds: 5,
            data_lock_seconds: 90,
        }
    }
}

impl Default for RawLog {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Auto,
        }
    }
}

impl RawConfig {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The parser's words, with field, line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        // An empty document is YAML's null, not an empty mapping.
        let blank = text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        if blank {
            return Ok(Self::default());
        }
        serde_yaml::from_str(text).map_err(|error| {
            let message = error.to_string();
            match error.location() {
                Some(at) if !message.contains(" at line ") => {
                    format!("{message} at line {} column {}", at.line(), at.column())
                }
                _ => message,
            }
        })
    }

    /// Lays the variables of the environment over what the file says.
    ///
    /// # Errors
    /// [`ConfigError::Environment`] if one holds no value of its type.
    pub fn overlay(
        &mut self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        for (name, set) in OVERRIDES {
            if let Some(text) = environment(name) {
                set(self, &text).map_err(|message| ConfigError::Environment { name, message })?;
            }
        }
        Ok(())
    }

    pub(super) fn check_ranges(&self) -> Result<(), ConfigError> {
        for (field, value, min, max) in self.ranges() {
            if !(min..=max).contains(&value) {
                return Err(ConfigError::OutOfRange {
                    field,
                    value,
                    min,
                    max,
                });
            }
        }
        Ok(())
    }

    /// Every number with its name, the smallest and the largest legal value. One that is not set counts as legal.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (&'static str, u64, u64, u64)> {
        let number = |n: NonZeroUsize| u64::try_from(n.get()).unwrap_or(u64::MAX);
        let memory = self.memory_mebibytes.unwrap_or(64);
        let limits = [
            ("memoryMebibytes", memory, 64, 1_048_576),
            ("connections", number(self.connections), 1, 1_000_000),
            ("loops", self.loops.map_or(1, number), 1, 1_024),
            ("watchMilliseconds", self.watch_milliseconds, 10, 60_000),
        ];
        limits.into_iter().chain(self.timeouts.ranges())
    }
}

impl RawTimeouts {
    fn ranges(&self) -> [(&'static str, u64, u64, u64); 8] {
        [
            ("timeouts.handshakeSeconds", self.handshake_seconds, 1, 300),
            (
                "timeouts.firstBytesSeconds",
                self.first_bytes_seconds,
                1,
                86_400,
            ),
            (
                "timeouts.httpIdleSeconds",
                self.http_idle_seconds,
                1,
                86_400,
            ),
            (
                "timeouts.bodyStallSeconds",
                self.body_stall_seconds,
                1,
                3_600,
            ),
            (
                "timeouts.telnetTokenSeconds",
                self.telnet_token_seconds,
                1,
                86_400,
            ),
            (
                "timeouts.telnetIdleSeconds",
                self.telnet_idle_seconds,
                1,
                2_592_000,
            ),
            ("timeouts.stopSeconds", self.stop_seconds, 1, 300),
            ("timeouts.dataLockSeconds", self.data_lock_seconds, 0, 3_600),
        ]
    }

    pub(super) fn durations(&self) -> Timeouts {
        Timeouts {
            handshake: Duration::from_secs(self.handshake_seconds),
            first_bytes: Duration::from_secs(self.first_bytes_seconds),
            http_idle: Duration::from_secs(self.http_idle_seconds),
            body_stall: Duration::from_secs(self.body_stall_seconds),
            telnet: TelnetTimeouts {
                first_token: Duration::from_secs(self.telnet_token_seconds),
                idle: Duration::from_secs(self.telnet_idle_seconds),
            },
            stop: Duration::from_secs(self.stop_seconds),
            data_lock: Duration::from_secs(self.data_lock_seconds),
            // Not a setting: the operator counts on it.
            confirmation: Duration::from_secs(15),
        }
    }
}

/// Puts the text of a variable into its field, or says what the text should be.
type Override = fn(&mut RawConfig, &str) -> Result<(), String>;

/// None ends in `_HOST` or `_PORT`: Kubernetes makes such names itself.
pub(super) const OVERRIDES: [(&str, Override); 17] = [
    ("PENSTOCK_DATA_DIRECTORY", |c, t| {
        path(&mut c.data_directory, t)
    }),
    ("PENSTOCK_LISTEN_TLS", |c, t| {
        optional(&mut c.listen.tls, t, "address:port")
    }),
    ("PENSTOCK_LISTEN_PLAIN", |c, t| {
        optional(&mut c.listen.plain, t, "address:port")
    }),
    ("PENSTOCK_LISTEN_ADMIN", |c, t| {
        required(&mut c.listen.admin, t, "address:port")
    }),
    ("PENSTOCK_TLS_CERTIFICATE_FILE", |c, t| {
        path(&mut c.tls.certificate_file, t)
    }),
    ("PENSTOCK_TLS_KEY_FILE", |c, t| path(&mut c.tls.key_file, t)),
    ("PENSTOCK_TLS_CA_FILE", |c, t| path(&mut c.tls.ca_file, t)),
    ("PENSTOCK_VOLUME", |c, t| {
        c.volume = (!t.is_empty()).then(|| t.to_owned());
        Ok(())
    }),
    ("PENSTOCK_LEDGER_PATH", |c, t| path(&mut c.ledger.path, t)),
    ("PENSTOCK_LEDGER_VERIFY_KEYS_FILE", |c, t| {
        path(&mut c.ledger.verify_keys_file, t)
    }),
    ("PENSTOCK_LEDGER_BEARER_FILE", |c, t| {
        path(&mut c.ledger.bearer_file, t)
    }),
    ("PENSTOCK_MEMORY_MEBIBYTES", |c, t| {
        optional(&mut c.memory_mebibytes, t, "a number of MiB")
    }),
    ("PENSTOCK_CONNECTIONS", |c, t| {
        required(&mut c.connections, t, "a number above 0")
    }),
    ("PENSTOCK_LOOPS", |c, t| {
        optional(&mut c.loops, t, "a number above 0")
    }),
    ("PENSTOCK_CORS_ORIGINS", |c, t| {
        let origins = t.split(',').map(str::trim);
        c.cors_origins = origins
            .filter(|origin| !origin.is_empty())
            .map(str::to_owned)
            .collect();
        Ok(())
    }),
    ("PENSTOCK_LOG_LEVEL", |c, t| {
        t.clone_into(&mut c.log.level);
        Ok(())
    }),
    ("PENSTOCK_LOG_FORMAT", |c, t| {
        c.log.format = LogFormat::from_str(t, false)
            .map_err(|_| format!("`{t}` is none of auto, text, json"))?;
        Ok(())
    }),
];

fn path(field: &mut PathBuf, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    *field = text.into();
    Ok(())
}

fn required<T: std::str::FromStr>(field: &mut T, text: &str, form: &str) -> Result<(), String> {
    *field = text
        .parse()
        .map_err(|_| format!("`{text}` is not {form}"))?;
    Ok(())
}

fn optional<T: std::str::FromStr>(
    field: &mut Option<T>,
    text: &str,
    form: &str,
) -> Result<(), String> {
    *field = if text.is_empty() {
        None
    } else {
        Some(
            text.parse()
                .map_err(|_| format!("`{text}` is not {form}"))?,
        )
    };
    Ok(())
}
