//! Clients that say bytes and read bytes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;
use crate::ledger_fixture::{ID, KEY};

/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) type TlsClient = StreamOwned<ClientConnection, TcpStream>;

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// What a TLS client trusts and offers.
pub(super) fn tls_config(story: &Story, alpn: &[&[u8]]) -> Arc<ClientConfig> {
    tls_config_of(story, alpn, rustls::DEFAULT_VERSIONS)
}

pub(super) fn tls_config_of(
    story: &Story,
    alpn: &[&[u8]],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(story.authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// A TLS session whose handshake is done.
pub(super) fn connect_tls(address: SocketAddr, config: &Arc<ClientConfig>) -> TlsClient {
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut client = StreamOwned::new(session, connect(address));
    while client.conn.is_handshaking() {
        client.conn.complete_io(&mut client.sock).unwrap();
    }
    client
}

pub(super) fn read_to_end(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// An answer: status line, headers and body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

/// Sends a request as it stands and reads one answer.
pub(super) fn exchange(stream: &mut (impl Read + Write), request: &str) -> Answer {
    stream.write_all(request.as_bytes()).unwrap();
    stream.flush().unwrap();
    read_answer(stream)
}

pub(super) fn read_answer(stream: &mut impl Read) -> Answer {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    Answer { status, head, body }
}

/// A request that pushes one point, with credentials.
pub(super) fn put() -> String {
    put_with("")
}

pub(super) fn put_with(head: &str) -> String {
    let body = r#"{"metric":"m","timestamp":1346846400,"value":18,"tags":{"host":"a"}}"#;
    let length = body.len();
    format!(
        "POST /api/put HTTP/1.1\r\nHost: h\r\nX-Warp10-Token: {ID}:{KEY}\r\n\
         {head}Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Asks the admin port.
pub(super) fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    head: &str,
    body: &[u8],
) -> Answer {
    let mut socket = connect(address);
    let length = body.len();
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{head}Content-Length: {length}\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    socket.write_all(body).unwrap();
    read_answer(&mut socket)
}

pub(super) fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path, "", b"")
}
