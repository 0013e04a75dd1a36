//! What the operator is told before it starts: flags, or `PENSTOCK_...` variables of the environment.
//!
//! Everything that can be wrong with them is found here, before a port is bound; [`ConfigError`] means exit code 2.
//! No variable ends in `_HOST` or `_PORT`: Kubernetes makes such names itself, for every service.
//!
//! What is not here: how the API server is found (a kubeconfig, else the pod's own account) and the names of objects,
//! which are all made from one prefix in [`ObjectNames`].

mod names;

use std::net::SocketAddr;

use clap::{Parser, ValueEnum};
use penstock_daemon::LogFormat;

pub use names::ObjectNames;

/// The settings as they are written.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "penstock-operator",
    version,
    about = "Turns applications and tokens into a ledger that every ingest pod obeys."
)]
pub struct Args {
    /// The namespace of the operator, the ingest pods and their Secrets.
    #[arg(long, env = "PENSTOCK_NAMESPACE", value_name = "NAMESPACE")]
    pub namespace: String,
    /// What the names of all objects of this installation begin with.
    #[arg(
        long,
        env = "PENSTOCK_NAME",
        value_name = "PREFIX",
        default_value = "penstock"
    )]
    pub name: String,
    /// The name of this pod, for the lease.
    #[arg(long, env = "PENSTOCK_POD_NAME", value_name = "POD")]
    pub pod_name: String,
    /// The namespaces whose applications and tokens are served, separated by commas; none named: all.
    #[arg(
        long,
        env = "PENSTOCK_WATCH_NAMESPACES",
        value_name = "NAMESPACES",
        value_delimiter = ','
    )]
    pub watch_namespaces: Vec<String>,
    /// The labels of the ingest pods and of their volume claims.
    #[arg(
        long,
        env = "PENSTOCK_INGEST_SELECTOR",
        value_name = "LABELS",
        default_value = "app.kubernetes.io/name=penstock,app.kubernetes.io/component=ingest"
    )]
    pub ingest_selector: String,
    /// The admin port of every ingest pod; 1 to 65535.
    #[arg(
        long,
        env = "PENSTOCK_INGEST_ADMIN",
        value_name = "PORT",
        default_value_t = 8080,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub ingest_admin_port: u16,
    /// Where clients find the service, as it is written into tokens' Secrets. Default: the data Service,
    /// PREFIX.NAMESPACE.svc:4242.
    #[arg(long, env = "PENSTOCK_ENDPOINT", value_name = "HOST:PORT")]
    pub endpoint: Option<String>,
    /// Whose certificate the ingest pods serve.
    #[arg(long, env = "PENSTOCK_TLS", value_enum, default_value_t = TlsSource::SelfManaged)]
    pub tls: TlsSource,
    /// With --tls existing: the Secret (tls.crt, tls.key, ca.crt) that the ingest pods mount.
    #[arg(long, env = "PENSTOCK_TLS_SECRET", value_name = "SECRET")]
    pub tls_secret: Option<String>,
    /// With --tls self-managed: more names and addresses for the certificate, separated by commas.
    #[arg(
        long,
        env = "PENSTOCK_TLS_NAMES",
        value_name = "NAMES",
        value_delimiter = ','
    )]
    pub tls_names: Vec<String>,
    /// Plain HTTP for probes and metrics.
    #[arg(
        long,
        env = "PENSTOCK_LISTEN_ADMIN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8080"
    )]
    pub listen_admin: SocketAddr,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What is logged, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct LogArgs {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,penstock_operator=debug`.
    #[arg(
        long = "log-level",
        env = "PENSTOCK_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info"
    )]
    pub level: String,
    /// Text on a terminal and JSON elsewhere, or one of them everywhere.
    #[arg(long = "log-format", env = "PENSTOCK_LOG_FORMAT", value_enum, default_value_t = LogFormat::Auto)]
    pub format: LogFormat,
}

/// Whose certificate the ingest pods serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlsSource {
    /// The operator keeps an authority and issues it.
    SelfManaged,
    /// Somebody else writes the Secret.
    Existing,
}

/// Settings that have been checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The namespace of operator, pods and their Secrets.
    pub namespace: String,
    /// The names of the installation's objects.
    pub names: ObjectNames,
    /// The name of this pod.
    pub pod_name: String,
    /// The namespaces whose applications and tokens are served.
    pub watched: Watched,
    /// The labels of the ingest pods and of their volume claims.
    pub ingest_selector: String,
    /// The admin port of every ingest pod.
    pub ingest_admin_port: u16,
    /// What clients connect to: a name or an address, without brackets.
    pub endpoint_host: String,
    /// And the port that takes TLS.
    pub endpoint_port: u16,
    /// Whose certificate the ingest pods serve.
    pub tls: Tls,
    /// Plain HTTP for probes and metrics.
    pub listen_admin: SocketAddr,
}

/// The namespaces whose applications and tokens are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// All of them: needs cluster roles.
    Cluster,
    /// These; never empty, sorted, each once. Roles suffice.
    Namespaces(Vec<String>),
}

/// Whose certificate the ingest pods serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Ours, for these names and addresses.
    SelfManaged {
        /// What a client may call the service; the endpoint's host is among them.
        names: Vec<String>,
    },
    /// That of a Secret which somebody else writes.
    Existing {
        /// Its name, in the operator's namespace.
        secret: String,
    },
}

/// What is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name that no object can have.
    #[error(
        "--{flag}: `{value}` is no name: lower-case letters, digits and `-`, at most {max} characters"
    )]
    Name {
        /// The flag.
        flag: &'static str,
        /// What was given.
        value: String,
        /// How long it may be.
        max: usize,
    },
    /// No address for clients.
    #[error("--endpoint: `{0}` is not HOST:PORT")]
    Endpoint(String),
    /// A Secret is to be used and none is named.
    #[error("--tls existing needs --tls-secret")]
    NoTlsSecret,
    /// A flag that the other flags make void.
    #[error("--{flag} has no effect with --tls {tls}")]
    Void {
        /// The flag.
        flag: &'static str,
        /// What was chosen.
        tls: &'static str,
    },
}

/// A name of a Service or namespace has at most 63 characters; the longest suffix that we put to a prefix takes 23.
const PREFIX_LENGTH_MAX: usize = 40;
const NAME_LENGTH_MAX: usize = 63;
const DATA_PORT: u16 = 4242;

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`]: tell the user and exit with code 2.
    pub fn validate(args: Args) -> Result<Self, ConfigError> {
        check_name("namespace", &args.namespace, NAME_LENGTH_MAX)?;
        check_name("name", &args.name, PREFIX_LENGTH_MAX)?;
        let mut namespaces: Vec<String> = args
            .watch_namespaces
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect();
        for name in &namespaces {
            check_name("watch-namespaces", name, NAME_LENGTH_MAX)?;
        }
        namespaces.sort();
        namespaces.dedup();
        let names = ObjectNames::new(&args.name);
        let (endpoint_host, endpoint_port) = match args.endpoint {
            Some(text) => parse_endpoint(&text).ok_or(ConfigError::Endpoint(text))?,
            None => (
                format!("{}.{}.svc", names.data_service(), args.namespace),
                DATA_PORT,
            ),
        };
        let tls = match args.tls {
            TlsSource::Existing if !args.tls_names.is_empty() => {
                return Err(ConfigError::Void {
                    flag: "tls-names",
                    tls: "existing",
                });
            }
            TlsSource::Existing => Tls::Existing {
                secret: args.tls_secret.ok_or(ConfigError::NoTlsSecret)?,
            },
            TlsSource::SelfManaged if args.tls_secret.is_some() => {
                return Err(ConfigError::Void {
                    flag: "tls-secret",
                    tls: "self-managed",
                });
            }
            TlsSource::SelfManaged => Tls::SelfManaged {
                names: certificate_names(&names, &args.namespace, &endpoint_host, args.tls_names),
            },
        };
        Ok(Self {
            namespace: args.namespace,
            names,
            pod_name: args.pod_name,
            watched: if namespaces.is_empty() {
                Watched::Cluster
            } else {
                Watched::Namespaces(namespaces)
            },
            ingest_selector: args.ingest_selector,
            ingest_admin_port: args.ingest_admin_port,
            endpoint_host,
            endpoint_port,
            tls,
            listen_admin: args.listen_admin,
        })
    }
}

/// Everything a client may call the ingest pods: the Service in all its lengths, each pod, and what was asked for.
fn certificate_names(
    names: &ObjectNames,
    namespace: &str,
    endpoint: &str,
    more: Vec<String>,
) -> Vec<String> {
    let service = names.data_service();
    let headless = names.headless_service();
    let mut all = vec![
        service.clone(),
        format!("{service}.{namespace}"),
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.cluster.local"),
        format!("*.{headless}.{namespace}.svc"),
        format!("*.{headless}.{namespace}.svc.cluster.local"),
        endpoint.to_owned(),
    ];
    all.extend(more.into_iter().filter(|name| !name.is_empty()));
    all.sort();
    all.dedup();
    all
}

fn check_name(flag: &'static str, value: &str, max: usize) -> Result<(), ConfigError> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let has_form = value.chars().all(legal) && !value.starts_with('-') && !value.ends_with('-');
    if value.is_empty() || value.len() > max || !has_form {
        return Err(ConfigError::Name {
            flag,
            value: value.to_owned(),
            max,
        });
    }
    Ok(())
}

/// `host:port`; an IPv6 address stands in brackets, which are taken off.
fn parse_endpoint(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(inside) => inside.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests;
