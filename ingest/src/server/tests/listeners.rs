//! Who may speak what on which port.

use std::io::{Read, Write};

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::HandshakeKind;
use tokio_rustls::TlsConnector;

use super::client::{
    TlsClient, connect, connect_tls, exchange, get, read_answer, read_to_end, tls_config,
    tls_config_of,
};
use super::*;

const VERSION: &str = "GET /api/version HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn http_is_served_over_both_versions_of_tls_and_in_plain_text() {
    let story = Story::start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for alpn in [&[][..], &[&b"http/1.1"[..]]] {
            let config = tls_config_of(&story, alpn, &[version]);
            let mut client = connect_tls(story.tls(), &config);
            for _ in 0..2 {
                let answer = exchange(&mut client, VERSION);
                assert_eq!(answer.status, 200, "{version:?}");
                assert!(answer.body.contains("\"version\":\"2.4.1\""), "{answer:?}");
                assert!(answer.head.contains("application/json"), "{answer:?}");
            }
        }
    }
    assert_eq!(exchange(&mut connect(story.plain()), VERSION).status, 200);
}

#[test]
fn plain_text_on_a_tls_port_gets_one_line() {
    let story = Story::start();
    for said in ["put m 1 2\n", VERSION, "\n"] {
        let mut client = connect(story.tls());
        client.write_all(said.as_bytes()).unwrap();
        let heard = read_to_end(&mut client);
        assert_eq!(heard, "this port speaks TLS only: connect with TLS\n");
    }
}

#[test]
fn tls_on_a_plain_port_gets_one_line() {
    let story = Story::start();
    let mut client = connect(story.plain());
    client.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    let heard = read_to_end(&mut client);
    assert_eq!(
        heard,
        "this port speaks plain text only: connect without TLS\n"
    );
}

#[test]
fn a_broken_handshake_harms_nobody() {
    let story = Story::start();
    let mut broken = connect(story.tls());
    broken.write_all(b"\x16\x03\x01\x00\x05hello").unwrap();
    // An alert, perhaps, then the end.
    drop(broken.read_to_end(&mut Vec::new()));
    let mut cut = connect(story.tls());
    cut.write_all(b"\x16\x03").unwrap();
    drop(cut);
    drop(connect(story.tls()));
    let config = tls_config(&story, &[]);
    let answer = exchange(&mut connect_tls(story.tls(), &config), VERSION);
    assert_eq!(answer.status, 200);
}

#[test]
fn a_request_may_come_in_the_smallest_pieces() {
    let story = Story::start();
    let mut client = connect(story.plain());
    for byte in VERSION.as_bytes() {
        client.write_all(&[*byte]).unwrap();
    }
    assert_eq!(read_answer(&mut client).status, 200);
}

#[test]
fn a_changed_certificate_is_served_to_new_connections_alone() {
    let story = Story::start();
    let config = tls_config(&story, &[]);
    let mut before = connect_tls(story.tls(), &config);
    let certificate = |client: &TlsClient| client.conn.peer_certificates().unwrap()[0].to_vec();
    let first = certificate(&before);

    story.change_certificate();
    story.server().reload();
    // A fresh configuration: a resumed session shows no certificate.
    let after = connect_tls(story.tls(), &tls_config(&story, &[]));
    assert_ne!(certificate(&after), first);
    assert_eq!(exchange(&mut before, VERSION).status, 200);

    std::fs::write(story.path("tls.key"), "damaged").unwrap();
    story.server().reload();
    let last_good = connect_tls(story.tls(), &tls_config(&story, &[]));
    assert_eq!(certificate(&last_good), certificate(&after));
    let metrics = get(story.admin(), "/metrics").body;
    assert!(metrics.contains("penstock_tls_certificate_rejections_total 1"));
}

#[test]
fn sessions_resume() {
    let story = Story::start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = tls_config_of(&story, &[], &[version]);
        let mut first = connect_tls(story.tls(), &config);
        assert_eq!(first.conn.handshake_kind(), Some(HandshakeKind::Full));
        // The ticket comes with the answer.
        assert_eq!(exchange(&mut first, VERSION).status, 200);
        let second = connect_tls(story.tls(), &config);
        assert_eq!(second.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    }
}

#[tokio::test]
async fn http2_is_served_when_alpn_says_so() {
    let mut story = tokio::task::spawn_blocking(Story::start).await.unwrap();
    let connector = TlsConnector::from(tls_config(&story, &[b"h2", b"http/1.1"]));
    let socket = tokio::net::TcpStream::connect(story.tls()).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, socket).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    for path in ["/api/version", "/API/V1/Version/"] {
        let request = http::Request::get(format!("https://localhost{path}"))
            .body(Empty::<bytes::Bytes>::new())
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(body.starts_with(b"{"));
    }
    // A stop says GOAWAY, so the connection ends although the client keeps it.
    tokio::task::spawn_blocking(move || story.stop().unwrap())
        .await
        .unwrap();
    connection.await.unwrap().unwrap();
    drop(sender);
}

#[test]
fn at_the_limit_a_connection_waits_for_another_to_close() {
    let story = Story::start_with(|config| {
        config.connections_max = std::num::NonZeroUsize::MIN;
        config.listen.tls = None;
    });
    let mut first = connect(story.plain());
    assert_eq!(exchange(&mut first, VERSION).status, 200);
    let mut second = connect(story.plain());
    second.write_all(VERSION.as_bytes()).unwrap();
    second.set_nonblocking(true).unwrap();
    assert_eq!(exchange(&mut first, VERSION).status, 200);
    let early = second.read(&mut [0]).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    second.set_nonblocking(false).unwrap();
    drop(first);
    assert_eq!(read_answer(&mut second).status, 200);
}
