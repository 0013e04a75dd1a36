//! A `penstock-ingest` process that plays a pod.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use penstock_tenancy::SigningKey;

use crate::propagation::PodFacts;

pub(super) const BEARER: &str = "a-bearer-of-the-tests";

pub(super) fn key() -> SigningKey {
    SigningKey::from_seed([7; 32]).unwrap()
}

/// Free on the first loopback address, and so on those that nobody else uses.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn address(number: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, number])
}

pub(super) fn facts(number: u8, ready: bool) -> PodFacts {
    PodFacts {
        name: format!("ingest-{number}"),
        address: Some(address(number)),
        ready,
        incarnation: "1".to_owned(),
    }
}

/// One process. It ends with the test.
pub(super) struct Pod {
    pub(super) address: IpAddr,
    number: u8,
    port: u16,
    starts: usize,
    directory: tempfile::TempDir,
    process: Child,
}

impl Pod {
    /// Its admin port is `port` of the loopback address of that number.
    pub(super) fn start(number: u8, port: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let address = address(number);
        let config = format!(
            "dataDirectory: {data}\n\
             listen: {{tls: null, plain: '{address}:0', admin: '{address}:{port}'}}\n\
             ledger: {{path: {ledger}, verifyKeysFile: {keys}, bearerFile: {bearer}}}\n\
             memoryMebibytes: 64\n",
            data = path("data").display(),
            ledger = path("ledger").display(),
            keys = path("verify-keys").display(),
            bearer = path("bearer").display(),
        );
        std::fs::write(path("ingest.yaml"), config).unwrap();
        std::fs::write(path("verify-keys"), key().verifying_key().to_string()).unwrap();
        std::fs::write(path("bearer"), BEARER).unwrap();
        let process = spawn(&path("ingest.yaml"));
        let pod = Self {
            address,
            number,
            port,
            starts: 1,
            process,
            directory,
        };
        pod.until_open();
        pod
    }

    pub(super) fn facts(&self) -> PodFacts {
        PodFacts {
            incarnation: self.starts.to_string(),
            ..facts(self.number, true)
        }
    }

    pub(super) fn kill_and_start(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(&self.directory.path().join("ingest.yaml"));
        self.starts += 1;
        self.until_open();
    }

    /// Until a ledger may be brought.
    fn until_open(&self) {
        while self
            .ask("/readyz")
            .is_none_or(|answer| answer.contains("the store is opening"))
        {
            std::thread::yield_now();
        }
    }

    pub(super) fn until_ready(&self) {
        while self
            .ask("/readyz")
            .is_none_or(|answer| !answer.starts_with("HTTP/1.1 200"))
        {
            std::thread::yield_now();
        }
    }

    fn ask(&self, path: &str) -> Option<String> {
        let mut socket = TcpStream::connect((self.address, self.port)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spawn(config: &PathBuf) -> Child {
    Command::new(program())
        .arg("--config")
        .arg(config)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Built beside this test.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let built = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("penstock-ingest"));
    let found = built.into_iter().find(|path| path.is_file());
    found.expect("no penstock-ingest: run `cargo build --bins` first")
}
