//! The program itself: its exit codes, its signals, its first and last words.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use penstock_store::disk::{Disk as _, OsDisk};
use penstock_tenancy::{Ledger, SigningKey, sign};

/// A folder with everything that the program needs.
struct Machine {
    directory: tempfile::TempDir,
    admin: SocketAddr,
    plain: SocketAddr,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            directory: tempfile::tempdir().unwrap(),
            admin: free_address(),
            plain: free_address(),
        };
        let config = format!(
            "dataDirectory: {data}\n\
             listen: {{tls: null, plain: '{plain}', admin: '{admin}'}}\n\
             ledger: {{path: {ledger}, verifyKeysFile: {keys}, bearerFile: {bearer}}}\n\
             memoryMebibytes: 64\n\
             log: {{format: json}}\n",
            data = machine.path("data").display(),
            plain = machine.plain,
            admin = machine.admin,
            ledger = machine.path("ledger.json").display(),
            keys = machine.path("verify-keys").display(),
            bearer = machine.path("bearer").display(),
        );
        machine.write("ingest.yaml", &config);
        machine.write("verify-keys", &key().verifying_key().to_string());
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// With a certificate of this folder, which need not be there.
    fn serve_tls(&self) {
        let path = self.path("ingest.yaml");
        let config = std::fs::read_to_string(&path).unwrap_or_default();
        let certificate = self.path("tls.crt");
        let key = self.path("tls.key");
        let config = format!(
            "{}tls: {{certificateFile: {}, keyFile: {}}}\n",
            config.replace("tls: null", "tls: '127.0.0.1:0'"),
            certificate.display(),
            key.display()
        );
        std::fs::write(path, config).unwrap();
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_penstock-ingest"));
        command
            .arg("--config")
            .arg(self.path("ingest.yaml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn start(&self) -> Child {
        self.command().spawn().unwrap()
    }

    /// Asks the admin port until it answers.
    fn ask(&self, request: &[u8]) -> String {
        loop {
            if let Ok(mut socket) = TcpStream::connect(self.admin) {
                socket
                    .set_read_timeout(Some(Duration::from_secs(20)))
                    .unwrap();
                socket.write_all(request).unwrap();
                let mut answer = String::new();
                socket.read_to_string(&mut answer).unwrap();
                return answer;
            }
            std::thread::yield_now();
        }
    }

    fn post_ledger(&self) {
        let ledger = Ledger {
            revision: 1,
            replicas: 1,
            volumes: Vec::new(),
            applications: Vec::new(),
        };
        let document = sign(&ledger, &key()).unwrap();
        let mut request = format!(
            "POST /ledger HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            document.len()
        )
        .into_bytes();
        request.extend_from_slice(&document);
        loop {
            let answer = self.ask(&request);
            if answer.starts_with("HTTP/1.1 200") {
                return;
            }
            assert!(answer.contains("the store is not open yet"), "{answer}");
        }
    }

    fn until_ready(&self) {
        self.until_readiness_says("HTTP/1.1 200");
    }

    fn until_readiness_says(&self, text: &str) {
        let request = b"GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        while !self.ask(request).contains(text) {}
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed([1; 32]).unwrap()
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

fn end(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), text)
}

#[test]
fn a_signal_stops_it_well() {
    for name in ["TERM", "INT"] {
        let machine = Machine::new();
        let child = machine.start();
        machine.post_ledger();
        machine.until_ready();
        let mut session = TcpStream::connect(machine.plain).unwrap();
        session.write_all(b"version\n").unwrap();
        session.read_exact(&mut [0]).unwrap();
        // Not a stop.
        signal(&child, "HUP");
        session.write_all(b"version\n").unwrap();
        session.read_exact(&mut [0]).unwrap();
        signal(&child, name);
        drop(session);
        let (code, said) = end(&child.wait_with_output().unwrap());
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("\"stopped\""), "{said}");
        for line in said.lines() {
            assert!(line.starts_with('{'), "no JSON: {line}");
        }
    }
}

#[test]
fn who_waits_for_a_certificate_says_so_and_ends_when_told_to() {
    let machine = Machine::new();
    machine.serve_tls();
    let child = machine.start();
    let waiting = loop {
        let answer = machine.ask(b"GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        if answer.contains("no certificate yet") {
            break answer;
        }
    };
    assert!(waiting.starts_with("HTTP/1.1 503"), "{waiting}");
    let alive = machine.ask(b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(
        alive.starts_with("HTTP/1.1 200"),
        "nobody restarts it: {alive}"
    );
    signal(&child, "TERM");
    let (code, said) = end(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{said}");
    assert!(!machine.path("data").exists(), "nothing was touched");
}

#[test]
fn wrong_configuration_is_said_before_anything_is_touched() {
    let machine = Machine::new();
    machine.write("ingest.yaml", "listen: {tsl: '0.0.0.0:4242'}\n");
    let (code, said) = end(&machine.command().output().unwrap());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("listen: unknown field `tsl`"), "{said}");
    assert!(!machine.path("data").exists());

    machine.write("ingest.yaml", "log: {level: 'a=b=c'}\n");
    let (code, said) = end(&machine.command().output().unwrap());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("log.level"), "{said}");

    machine.write("tls.crt", "no certificate\n");
    machine.write("ingest.yaml", "");
    machine.serve_tls();
    let (code, said) = end(&machine.command().output().unwrap());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("tls.crt"), "{said}");

    let mut command = machine.command();
    command.env("PENSTOCK_LISTEN_ADMIN", "here");
    let (code, said) = end(&command.output().unwrap());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("PENSTOCK_LISTEN_ADMIN"), "{said}");
}

#[test]
fn what_fails_at_run_time_is_another_code() {
    let machine = Machine::new();
    let _taken = TcpListener::bind(machine.admin).unwrap();
    let (code, said) = end(&machine.command().output().unwrap());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot bind"), "{said}");
}

#[test]
fn a_start_waits_for_the_process_that_still_has_the_data() {
    let machine = Machine::new();
    let disk = OsDisk::new(machine.path("data")).unwrap();
    let held = disk.lock(Path::new("LOCK")).unwrap();
    let child = machine.start();
    machine.until_readiness_says("\r\n\r\nanother process has the data directory\n");
    drop(held);
    machine.post_ledger();
    machine.until_ready();
    signal(&child, "TERM");
    let (code, said) = end(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{said}");

    // One that is told not to wait says why it ends, and what is to be waited for.
    let _held = disk.lock(Path::new("LOCK")).unwrap();
    let mut config = std::fs::read_to_string(machine.path("ingest.yaml")).unwrap();
    config.push_str("timeouts: {dataLockSeconds: 0}\n");
    machine.write("ingest.yaml", &config);
    let (code, said) = end(&machine.command().output().unwrap());
    assert_eq!(code, Some(1), "{said}");
    let why = format!(
        "another process has the data directory {} open: waited 0 s for it (timeouts.dataLockSeconds)",
        machine.path("data").display()
    );
    assert!(said.contains(&why), "{said}");
}
