//! A connection whose client reads slowly.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::http::context::HttpContext;
use crate::listener::Transport;
use crate::story::{SOURCE, Story};

const PIECE: Bytes = Bytes::from_static(&[b'x'; 16 * 1_024]);
const PIECES: usize = 4_096;
/// What a connection may hold of an answer: hyper's own buffers and a few pieces.
const HELD_BYTES_MAX: usize = 1 << 20;

/// Answers with 64 MiB that are there at once, and counts what was taken of them.
fn long_answer(taken: &Arc<AtomicUsize>) -> Router {
    let taken = Arc::clone(taken);
    let answer = move || async move {
        let pieces = (0..PIECES).map(move |_| {
            taken.fetch_add(PIECE.len(), Ordering::Relaxed);
            Ok::<_, Infallible>(PIECE)
        });
        Body::from_stream(futures_util::stream::iter(pieces))
    };
    Router::new().route("/long", get(answer))
}

#[tokio::test]
async fn of_a_long_answer_no_more_is_held_than_a_client_soon_reads() {
    // Both: a client that waits, and one that has begun its next request.
    for ahead in ["", "GET "] {
        let story = Story::new();
        let taken = Arc::new(AtomicUsize::new(0));
        let context = story.loop_context();
        let server = Arc::clone(&context.server);
        let routes = Routes::with(HttpContext::new(context), long_answer(&taken));
        let server = HttpServer::new(routes, server);
        let (ours, mut theirs) = tokio::io::duplex(4_096);
        let peer = Peer {
            address: SOURCE,
            transport: Transport::Plain,
        };
        let serving = server.serve(ours, Version::One, peer);
        let reading = async {
            let request = format!("GET /long HTTP/1.1\r\nHost: h\r\n\r\n{ahead}");
            theirs.write_all(request.as_bytes()).await.unwrap();
            let (mut read, mut buffer) = (0, vec![0; 64 * 1_024]);
            while read < PIECES * PIECE.len() {
                read += theirs.read(&mut buffer).await.unwrap();
                let held = taken.load(Ordering::Relaxed).saturating_sub(read);
                assert!(held < HELD_BYTES_MAX, "{held} bytes held, {read} read");
            }
            drop(theirs);
        };
        tokio::join!(serving, reading);
    }
}
