//! Several servers of one service: real processes with a data volume each, on loopback, with one certificate and one ledger.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use penstock_model::{Charset, Clock, SystemClock, Tags, TenantId};
use penstock_tenancy::{
    Allow, ApplicationLimits, KeyHash, Ledger, LedgerApplication, LedgerKey, LedgerToken,
    LedgerVolume, OnError, Permission, Profile, ReadLimits, SigningKey, TokenLimits, TokenState,
    sign,
};
use serde_json::Value;

/// Names that sort otherwise than the servers were started.
const NAMES: [&str; 3] = ["pod-1", "pod-0", "pod-2"];
const PATIENCE: Duration = Duration::from_mins(1);
const KEY: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";

/// The token that writes and deletes.
pub(crate) const WRITER: &str = "WriterToken1";
/// The token that reads.
pub(crate) const READER: &str = "ReaderToken1";

pub(crate) struct Fleet {
    directory: tempfile::TempDir,
    revision: u64,
    pub(crate) members: Vec<Member>,
}

pub(crate) struct Member {
    pub(crate) name: &'static str,
    child: Option<Child>,
    plain: SocketAddr,
    tls: SocketAddr,
    admin: SocketAddr,
}

/// An answer of HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The body came to its proper end.
    pub(crate) is_whole: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Fleet {
    /// Three servers that know of each other and are ready.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl Fn(&mut Ledger)) -> Self {
        let mut fleet = Self {
            directory: tempfile::tempdir().unwrap(),
            revision: 0,
            members: NAMES.map(Member::new).into(),
        };
        fleet.write("verify-keys", &signing_key().verifying_key().to_string());
        fleet.write("bearer", "all servers have it\n");
        let certificate =
            rcgen::generate_simple_self_signed(vec!["metrics.example.org".to_owned()]);
        let certificate = certificate.unwrap();
        fleet.write("tls.crt", &certificate.cert.pem());
        fleet.write("tls.key", &certificate.signing_key.serialize_pem());
        for at in 0..fleet.members.len() {
            fleet.launch(at);
        }
        fleet.publish(change);
        fleet
    }

    /// Gives every running server a new ledger, and waits until all are ready.
    pub(crate) fn publish(&mut self, change: impl Fn(&mut Ledger)) {
        self.revision += 1;
        let mut ledger = ledger(self.revision);
        let volume = |member: &Member| LedgerVolume {
            name: member.name.to_owned(),
            address: member.tls.to_string(),
        };
        ledger.volumes = self.members.iter().map(volume).collect();
        change(&mut ledger);
        ledger.canonicalize();
        let document = sign(&ledger, &signing_key()).unwrap();
        for member in self.members.iter().filter(|member| member.child.is_some()) {
            until(|| {
                let posted = ask(member.admin, "POST", "/ledger", "", &document);
                posted.is_some_and(|answer| answer.status == 200)
            });
            until(|| {
                let ready = ask(member.admin, "GET", "/readyz", "", b"");
                ready.is_some_and(|answer| answer.status == 200)
            });
        }
    }

    pub(crate) fn launch(&mut self, at: usize) {
        let member = &self.members[at];
        let file = format!("{}.yaml", member.name);
        let path = |name: &str| self.path(name).display().to_string();
        let config = format!(
            "dataDirectory: {data}\nvolume: {name}\n\
             listen: {{tls: '{tls}', plain: '{plain}', admin: '{admin}'}}\n\
             tls: {{certificateFile: {certificate}, keyFile: {key}, caFile: {none}}}\n\
             ledger: {{path: {none}, verifyKeysFile: {keys}, bearerFile: {bearer}}}\n\
             memoryMebibytes: 64\nloops: 1\ntimeouts: {{bodyStallSeconds: 20, stopSeconds: 1}}\n",
            data = path(&format!("data-{}", member.name)),
            name = member.name,
            tls = member.tls,
            plain = member.plain,
            admin = member.admin,
            certificate = path("tls.crt"),
            key = path("tls.key"),
            none = path("nothing"),
            keys = path("verify-keys"),
            bearer = path("bearer"),
        );
        self.write(&file, &config);
        let log = std::fs::File::create(self.path(&format!("{}.log", member.name))).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_penstock-ingest"))
            .arg("--config")
            .arg(self.path(&file))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.members[at].child = Some(child);
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, at: usize) {
        let mut child = self.members[at].child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stores points of one series on one server, durably.
    pub(crate) fn put(&self, at: usize, metric: &str, host: &str, points: &[(i64, i64)]) {
        for points in points.chunks(5_000) {
            let points: Vec<_> = points
                .iter()
                .map(|(time, value)| {
                    format!(
                        r#"{{"metric":"{metric}","timestamp":{time},"value":{value},"tags":{{"host":"{host}"}}}}"#
                    )
                })
                .collect();
            let body = format!("[{}]", points.join(","));
            let answer = self.ask(at, WRITER, "POST", "/api/put", body.as_bytes());
            assert_eq!(answer.status, 204, "{answer:?}");
        }
    }

    pub(crate) fn get(&self, at: usize, path: &str) -> Answer {
        self.ask(at, READER, "GET", path, b"")
    }

    pub(crate) fn ask(
        &self,
        at: usize,
        token: &str,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Answer {
        let credential = format!("X-Warp10-Token: {token}:{KEY}\r\n");
        self.ask_with(at, &credential, method, path, body)
    }

    pub(crate) fn ask_with(
        &self,
        at: usize,
        head: &str,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Answer {
        ask(self.members[at].plain, method, path, head, body).unwrap()
    }

    /// A connection on which a request was sent; nothing of the answer has been read.
    pub(crate) fn begin(&self, at: usize, path: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.members[at].plain).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Warp10-Token: {READER}:{KEY}\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).unwrap();
        socket
    }

    pub(crate) fn credential(token: &str) -> String {
        format!("X-Warp10-Token: {token}:{KEY}\r\n")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self
            .members
            .iter_mut()
            .filter_map(|member| member.child.as_mut())
        {
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            for member in &self.members {
                let log = std::fs::read_to_string(self.path(&format!("{}.log", member.name)));
                eprintln!("{}:\n{}", member.name, log.unwrap_or_default());
            }
        }
    }
}

impl Member {
    fn new(name: &'static str) -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        // Held together, so that they differ.
        let ports = [free(), free(), free()];
        let [plain, tls, admin] = ports.map(|port| port.local_addr().unwrap());
        Self {
            name,
            child: None,
            plain,
            tls,
            admin,
        }
    }
}

/// Looks until it holds.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    let deadline = clock.monotonic() + PATIENCE;
    while !holds() {
        assert!(clock.monotonic() < deadline, "it never came true");
        std::thread::yield_now();
    }
}

/// Reads an answer to the end of its connection.
pub(crate) fn read_answer(mut socket: TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    // Whatever breaks the connection: what came before it is looked at.
    let ended_well = socket.read_to_end(&mut bytes).is_ok();
    let end = bytes.windows(4).position(|at| at == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let rest = &bytes[end + 4..];
    let (body, is_whole) = if head.contains("transfer-encoding: chunked") {
        unchunk(rest)
    } else {
        (rest.to_vec(), ended_well)
    };
    Some(Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
        is_whole,
    })
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|at| at == b"\r\n") else {
            return (body, false);
        };
        let size = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else {
            return (body, false);
        };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 2 + size + 2..).unwrap_or_default();
    }
}

fn ask(address: SocketAddr, method: &str, path: &str, head: &str, body: &[u8]) -> Option<Answer> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{head}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    socket.write_all(&request).ok()?;
    read_answer(socket)
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed([1; 32]).unwrap()
}

fn ledger(revision: u64) -> Ledger {
    let mut writer = token(WRITER, Permission::Write);
    writer.allow.delete = true;
    Ledger {
        revision,
        replicas: 3,
        volumes: Vec::new(),
        applications: vec![LedgerApplication {
            namespace: "iot".to_owned(),
            name: "demo".to_owned(),
            tenant: TenantId::from_bytes([7; 16]),
            profile: Profile::default(),
            charset: Charset::default(),
            on_error: OnError::default(),
            tags: Tags::default(),
            limits: ApplicationLimits::default(),
            paused: false,
            removed: false,
            tokens: vec![writer, token(READER, Permission::Read)],
        }],
    }
}

pub(crate) fn token(id: &str, permission: Permission) -> LedgerToken {
    LedgerToken {
        id: id.parse().unwrap(),
        namespace: "iot".to_owned(),
        name: id.to_lowercase(),
        permission,
        state: TokenState::Active,
        keys: vec![LedgerKey {
            hash: KeyHash::of(KEY.as_bytes()),
            not_after: None,
        }],
        tags: Tags::default(),
        not_before: None,
        expires_at: None,
        limits: TokenLimits::default(),
        read_limits: ReadLimits::default(),
        allow: Allow::default(),
    }
}
