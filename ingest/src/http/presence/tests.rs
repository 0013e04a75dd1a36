//! Clients that leave over real sockets, plain and TLS, while their answer is made.

use std::convert::Infallible;
use std::future::pending;

use axum::Router;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::stream;
use rcgen::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::http::connection::{HttpServer, Version};
use crate::http::context::HttpContext;
use crate::http::router::Routes;
use crate::listener::{Peer, Transport};
use crate::story::{NOON_S, SOURCE, Story, credential};

/// What a handler went through.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Begun,
    /// Its end was not awaited.
    Dropped,
}

/// Says that it was dropped.
struct Begun(mpsc::UnboundedSender<Event>);

impl Begun {
    fn new(events: &mpsc::UnboundedSender<Event>) -> Self {
        events.send(Event::Begun).ok();
        Self(events.clone())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.send(Event::Dropped).ok();
    }
}

/// A server whose handlers take as long as they are told to.
struct Slow {
    story: Story,
    events: mpsc::UnboundedReceiver<Event>,
    sender: mpsc::UnboundedSender<Event>,
    finish: Arc<Notify>,
}

impl Slow {
    fn new() -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        Self {
            story: Story::new(),
            events,
            sender,
            finish: Arc::default(),
        }
    }

    fn server(&self) -> HttpServer {
        let events = self.sender.clone();
        let answering = move |body: Bytes| async move {
            let begun = Begun::new(&events);
            drop(body);
            pending::<()>().await;
            drop(begun);
        };
        let events = self.sender.clone();
        let sending = move || async move {
            let begun = Begun::new(&events);
            let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"first\n"))]);
            let rest = stream::once(async move {
                pending::<()>().await;
                drop(begun);
                Ok(Bytes::new())
            });
            Body::from_stream(futures_util::StreamExt::chain(first, rest))
        };
        let finish = Arc::clone(&self.finish);
        let finishing = move || async move {
            finish.notified().await;
            "finished\n"
        };
        let others = Router::new()
            .route("/answering", post(answering.clone()).get(answering))
            .route("/sending", get(sending))
            .route("/finishing", get(finishing.clone()).post(finishing));
        let context = self.story.loop_context();
        let server = Arc::clone(&context.server);
        HttpServer::new(Routes::with(HttpContext::new(context), others), server)
    }

    async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(Story::PATIENCE, self.events.recv());
        next.await.expect("nothing happens").unwrap()
    }

    /// A client's connection to the server, served until it ends.
    async fn connect(&self) -> TcpStream {
        let (server, mut sockets) = (self.server(), sockets().await);
        let ours = sockets.0.take().unwrap();
        tokio::spawn(async move { server.serve(ours, Version::One, plain()).await });
        sockets.1
    }
}

fn plain() -> Peer {
    Peer {
        address: SOURCE,
        transport: Transport::Plain,
    }
}

/// Both ends of a connection: the server's, the client's.
async fn sockets() -> (Option<TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
    (Some(accepted.unwrap().0), connected.unwrap())
}

async fn send(client: &mut TcpStream, bytes: &str) {
    client.write_all(bytes.as_bytes()).await.unwrap();
}

/// Reads until the answer so far ends with this.
async fn read_to(client: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let byte = tokio::time::timeout(Story::PATIENCE, client.read_u8()).await;
        read.push(byte.expect("no answer").expect("the answer broke off"));
    }
    String::from_utf8(read).unwrap()
}

/// How a client leaves.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    Closes,
    ClosesItsHalf,
    Resets,
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_work_on_its_answer() {
    for leaving in [Leaving::Closes, Leaving::ClosesItsHalf, Leaving::Resets] {
        for request in [
            "GET /answering HTTP/1.1\r\nhost: h\r\n\r\n",
            "POST /answering HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc",
            "POST /answering HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "GET /sending HTTP/1.1\r\nhost: h\r\n\r\n",
            // With a part of the next.
            "GET /answering HTTP/1.1\r\nhost: h\r\n\r\nGET /ans",
        ] {
            let mut slow = Slow::new();
            let mut client = slow.connect().await;
            send(&mut client, request).await;
            assert_eq!(slow.next().await, Event::Begun, "{leaving:?} {request}");
            if request.contains("sending") {
                read_to(&mut client, "first\n\r\n").await;
            }
            match leaving {
                Leaving::Closes => drop(client),
                Leaving::ClosesItsHalf => {
                    client.shutdown().await.unwrap();
                    // The rest of an answer does not come.
                    let mut rest = Vec::new();
                    let end = tokio::time::timeout(Story::PATIENCE, client.read_to_end(&mut rest));
                    end.await.expect("the connection stays open").ok();
                    assert!(rest.is_empty(), "{rest:?}");
                }
                Leaving::Resets => {
                    client.set_zero_linger().unwrap();
                    drop(client);
                }
            }
            assert_eq!(slow.next().await, Event::Dropped, "{leaving:?} {request}");
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_over_tls_ends_the_work_on_its_answer() {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(cert);
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let theirs = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let ours = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(ours));
    for says_so in [true, false] {
        let mut slow = Slow::new();
        let (server, (accepted, connected)) = (slow.server(), sockets().await);
        let acceptor = TlsAcceptor::from(Arc::new(theirs.clone()));
        tokio::spawn(async move {
            let stream = acceptor.accept(accepted.unwrap()).await.unwrap();
            server.serve(stream, Version::One, plain()).await;
        });
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = connector.connect(name, connected).await.unwrap();
        let request = "GET /answering HTTP/1.1\r\nhost: h\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(slow.next().await, Event::Begun);
        if says_so {
            client.shutdown().await.unwrap();
        }
        drop(client);
        assert_eq!(slow.next().await, Event::Dropped);
    }
}

#[tokio::test]
async fn what_comes_while_an_answer_is_made_is_the_next_request() {
    let slow = Slow::new();
    let mut client = slow.connect().await;
    let next = "POST /finishing HTTP/1.1\r\nhost: h\r\ncontent-length: 6000\r\n\r\n";
    send(&mut client, "GET /finishing HTTP/1.1\r\nhost: h\r\n\r\n").await;
    for piece in next.as_bytes().chunks(7) {
        client.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    send(&mut client, &"x".repeat(6_000)).await;
    for _ in 0..2 {
        slow.finish.notify_one();
        let answer = read_to(&mut client, "finished\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    send(
        &mut client,
        "GET /finishing HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
    )
    .await;
    slow.finish.notify_one();
    read_to(&mut client, "finished\n").await;
}

#[tokio::test]
async fn points_are_taken_from_a_client_that_has_closed_its_half() {
    let slow = Slow::new();
    let mut client = slow.connect().await;
    let basic = BASE64_STANDARD.encode(credential(1));
    let body = format!(r#"{{"metric":"m","timestamp":{NOON_S},"value":1}}"#);
    let length = body.len();
    let request = format!(
        "POST /api/put?summary HTTP/1.1\r\nhost: h\r\nauthorization: Basic {basic}\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    send(&mut client, &request).await;
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    let reading = tokio::time::timeout(Story::PATIENCE, client.read_to_string(&mut answer));
    reading.await.expect("no answer").unwrap();
    assert!(answer.ends_with(r#"{"success":1,"failed":0}"#), "{answer}");
}
