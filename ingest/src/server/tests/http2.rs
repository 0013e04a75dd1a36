//! HTTP/2 sessions: many requests over one connection, and one end for all.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use penstock_tenancy::TokenState;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::ledger_fixture::{ID, KEY};

/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

const POINT: &[u8] = br#"{"metric":"m","timestamp":1346846400,"value":18}"#;

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;

/// A connection, and what becomes of it.
struct Client {
    requests: SendRequest<Body>,
    ended: JoinHandle<hyper::Result<()>>,
}

impl Client {
    async fn connect(story: &Story) -> Self {
        let socket = TcpStream::connect(story.plain()).await.unwrap();
        let shaken = handshake(TokioExecutor::new(), TokioIo::new(socket)).await;
        let (requests, connection) = shaken.unwrap();
        Self {
            requests,
            ended: tokio::spawn(connection),
        }
    }

    async fn put(&mut self) -> u16 {
        let body = Full::new(Bytes::from_static(POINT)).boxed();
        let answer = self.requests.send_request(put(body)).await.unwrap();
        answer.status().as_u16()
    }

    /// The server has closed the connection as it should.
    async fn has_ended(self) {
        let ended = tokio::time::timeout(PATIENCE, self.ended).await;
        ended.expect("the connection stays").unwrap().unwrap();
    }
}

fn put(body: Body) -> Request<Body> {
    Request::post("http://h/api/put")
        .header("X-Warp10-Token", format!("{ID}:{KEY}"))
        .body(body)
        .unwrap()
}

fn run(story: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(story);
}

#[test]
fn sessions_of_a_revoked_key_are_closed_and_others_are_not() {
    let story = Story::start();
    run(async {
        let mut client = Client::connect(&story).await;
        assert_eq!(client.put().await, 204);
        let mut stranger = Client::connect(&story).await;
        let mut revoked = ledger(2);
        revoked.applications[0].tokens[0].state = TokenState::Revoked;
        story.load(&revoked);
        client.has_ended().await;
        assert_eq!(stranger.put().await, 403);
    });
}

#[test]
fn a_session_that_asks_nothing_is_closed_although_it_answers_pings() {
    let story = Story::start_with(|config| {
        config.timeouts.http_idle = Duration::from_millis(200);
    });
    run(async {
        let mut client = Client::connect(&story).await;
        let silent = Client::connect(&story).await;
        assert_eq!(client.put().await, 204);
        client.has_ended().await;
        silent.has_ended().await;
    });
}

#[test]
fn a_stop_finishes_the_requests_in_hand_and_ends_the_session() {
    let mut story = Story::start();
    run(async {
        let idle = Client::connect(&story).await;
        let mut client = Client::connect(&story).await;
        assert_eq!(client.put().await, 204);
        let (pieces, body) = mpsc::unbounded_channel();
        let body = futures_util::stream::unfold(body, async |mut body| {
            let piece: Bytes = body.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(piece)), body))
        });
        let request = put(StreamBody::new(body).boxed());
        let answer = client.requests.send_request(request);
        pieces.send(Bytes::from_static(&POINT[..20])).unwrap();
        // Another request behind it has been answered: the half is there.
        assert_eq!(client.put().await, 204);
        story.server().stop();
        idle.has_ended().await;
        pieces.send(Bytes::from_static(&POINT[20..])).unwrap();
        drop(pieces);
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
        assert_eq!(answer.unwrap().status(), 204);
        client.has_ended().await;
    });
    story.stop().unwrap();
}
