//! `penstock standalone` as a real process: built binary, own loopback address, own folder.
//!
//! Each server takes an address of its own from 127.0.0.0/8 and keeps its ports, so that stories run side by side
//! and a server that is started again is found where it was.

use crate::endpoint::Endpoint;
use crate::export::{self, Series};
use crate::http::Http;
use crate::manifests::Manifests;
use crate::process::Process;
use crate::token::Token;
use crate::wait;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU8, Ordering};
use std::{env, fs};
use tempfile::TempDir;

const TLS_PORT: u16 = 4242;
const PLAIN_PORT: u16 = 4243;
const ADMIN_PORT: u16 = 8080;

/// Unreserved characters of a query string need no escape.
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// How to start a server. The default application is `plant`, with the tokens `device` (write) and `reader` (read).
#[derive(Debug, Default)]
pub struct Setup {
    /// Put before the server's own command line: `taskset`, `strace`.
    pub wrapper: Vec<OsString>,
    /// Environment of the server.
    pub environment: Vec<(String, String)>,
    /// Keeps the data here instead of in the temporary folder.
    pub data: Option<PathBuf>,
    /// Reads this folder of manifests instead of the default application and tokens.
    pub manifests: Option<PathBuf>,
    /// Further arguments of `penstock standalone`.
    pub arguments: Vec<OsString>,
    /// Fields of the default application's spec, as YAML in one line.
    pub application: String,
    /// Further fields of the default write token's spec.
    pub device: String,
}

/// A running server. Dropped, it is killed and its folder removed.
#[derive(Debug)]
pub struct Standalone {
    process: Option<Process>,
    folder: TempDir,
    data: PathBuf,
    ip: IpAddr,
    setup: Setup,
}

impl Standalone {
    /// Starts a server with default manifests and waits until it is ready.
    ///
    /// # Errors
    /// When it does not get ready; its output is in the error.
    pub fn start() -> Result<Standalone> {
        Standalone::with(Setup::default())
    }

    /// Starts a server and waits until it is ready.
    ///
    /// # Errors
    /// When it does not get ready; its output is in the error.
    pub fn with(setup: Setup) -> Result<Standalone> {
        let mut server = Standalone::prepare(setup)?;
        server.launch()?;
        server.wait_ready()?;
        Ok(server)
    }

    /// Lays out folder and manifests without starting anything.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn prepare(setup: Setup) -> Result<Standalone> {
        let folder = tempfile::Builder::new().prefix("penstock-").tempdir()?;
        let data = setup
            .data
            .clone()
            .unwrap_or_else(|| folder.path().join("data"));
        let server = Standalone {
            process: None,
            folder,
            data,
            ip: own_address(),
            setup,
        };
        if server.setup.manifests.is_none() {
            fs::create_dir(server.manifest_folder())?;
            let manifests = server.manifests();
            manifests.application("plant", &server.setup.application)?;
            manifests.write_token("device", "plant", &server.setup.device)?;
            manifests.read_token("reader", "plant", "")?;
        }
        Ok(server)
    }

    /// Starts the process and does not wait.
    ///
    /// # Errors
    /// When the binary is not there.
    pub fn launch(&mut self) -> Result<()> {
        let binary = server_binary()?;
        let mut words = self
            .setup
            .wrapper
            .iter()
            .map(OsString::as_os_str)
            .chain([binary.as_os_str()]);
        let mut command = Command::new(words.next().context("a program")?);
        command.args(words).arg("standalone");
        command.arg("--manifests").arg(self.manifest_folder());
        command.arg("--data").arg(&self.data);
        command.args(["--listen", &self.address(TLS_PORT).to_string()]);
        command.args(["--listen-plain", &self.address(PLAIN_PORT).to_string()]);
        command.args(["--admin", &self.address(ADMIN_PORT).to_string()]);
        command.args(&self.setup.arguments);
        command.envs(
            self.setup
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
        self.process = Some(Process::start(
            &mut command,
            &self.folder.path().join("log"),
        )?);
        Ok(())
    }

    /// Waits for `/readyz`.
    ///
    /// # Errors
    /// When the process ends first, or never gets ready; its output is in the error.
    pub fn wait_ready(&mut self) -> Result<()> {
        let admin = self.admin();
        wait::until("the server is ready", || {
            if let Some(status) = self.process()?.ended()? {
                bail!("the server ended, {status}:\n{}", self.process()?.output());
            }
            let Ok(mut http) = Http::connect(&admin) else {
                return Ok(None);
            };
            let response = http.request("GET", "/readyz", &[], b"");
            Ok(response
                .is_ok_and(|response| response.status == 200)
                .then_some(()))
        })
        .with_context(|| self.log())
    }

    /// The server's process.
    ///
    /// # Errors
    /// When none was started.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process
            .as_mut()
            .context("the server was never started")
    }

    /// SIGKILL. The data stays.
    ///
    /// # Errors
    /// When none is running.
    pub fn kill(&mut self) -> Result<()> {
        self.process()?.kill()
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        let process = self.process()?;
        process.signal("TERM")?;
        process.wait()
    }

    /// Starts it again on the same data and address, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn start_again(&mut self) -> Result<()> {
        self.launch()?;
        self.wait_ready()
    }

    /// The folder of manifests, to be changed while the server runs.
    pub fn manifests(&self) -> Manifests {
        Manifests::in_folder(&self.manifest_folder())
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where this process finds the data, when the server sees it at another path than we do.
    pub fn see_data_at(&mut self, path: &Path) {
        path.clone_into(&mut self.data);
    }

    /// A place for a story's own files.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The certificate authority that clients must trust.
    pub fn ca(&self) -> PathBuf {
        self.data.join("tls/ca.crt")
    }

    /// The TLS listener.
    ///
    /// # Errors
    /// When there is no CA file yet.
    pub fn tls(&self) -> Result<Endpoint> {
        Endpoint::tls(self.address(TLS_PORT), &self.ca())
    }

    /// The plain listener.
    pub fn plain(&self) -> Endpoint {
        Endpoint::plain(self.address(PLAIN_PORT))
    }

    /// The admin listener.
    pub fn admin(&self) -> Endpoint {
        Endpoint::plain(self.address(ADMIN_PORT))
    }

    /// The key that the server keeps for a token of namespace `default`, once it is there.
    ///
    /// # Errors
    /// When it does not come.
    pub fn token(&self, name: &str) -> Result<Token> {
        let folder = self.data.join("secrets/default").join(name);
        wait::until(&format!("the key of {name}"), || {
            Ok(Token::read(&folder).ok())
        })
        .with_context(|| self.log())
    }

    /// Everything stored under a selector, read with the token `reader`.
    ///
    /// # Errors
    /// When the server does not answer 200.
    pub fn export(&self, selector: &str) -> Result<Vec<Series>> {
        self.export_with(&self.token("reader")?, selector)
    }

    /// Everything that `token` may see under a selector.
    ///
    /// # Errors
    /// When the server does not answer 200.
    pub fn export_with(&self, token: &Token, selector: &str) -> Result<Vec<Series>> {
        let path = format!(
            "/api/v1/export?start=0&end=9999999999&match[]={}",
            escape(selector)
        );
        let response = Http::connect(&self.tls()?)?.get(&path, &token.basic())?;
        ensure!(
            response.status == 200,
            "export: {} {}",
            response.status,
            response.text()
        );
        export::parse(&response.text())
    }

    /// What the server has printed, over all its starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn manifest_folder(&self) -> PathBuf {
        self.setup
            .manifests
            .clone()
            .unwrap_or_else(|| self.folder.path().join("manifests"))
    }

    fn address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, port)
    }
}

/// Percent-encodes a query parameter.
pub fn escape(text: &str) -> String {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            escaped.push(byte);
        } else {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
            escaped.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    String::from_utf8_lossy(&escaped).into_owned()
}

/// A loopback address that no other server of this machine has: two bytes from the process, one counted.
fn own_address() -> IpAddr {
    static SERVERS: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let number = SERVERS.fetch_add(1, Ordering::Relaxed);
    IpAddr::V4(Ipv4Addr::new(127, high.max(1), low, number))
}

/// `PENSTOCK_BINARY`, else the binary that cargo built beside this one.
fn server_binary() -> Result<PathBuf> {
    if let Some(binary) = env::var_os("PENSTOCK_BINARY") {
        return Ok(binary.into());
    }
    let own = env::current_exe()?;
    let folders = own.ancestors().skip(1).take(2);
    let built = folders
        .map(|folder| folder.join("penstock"))
        .find(|path| path.is_file());
    built.context("no penstock binary: run `cargo build --bins` first, or set PENSTOCK_BINARY")
}
