use axum::response::IntoResponse as _;

use super::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// What a client makes of what a thread sends: the status, and the body if it came whole.
fn received(send: impl FnOnce(PieceSender) + Send + 'static) -> (u16, Option<String>) {
    runtime().block_on(async {
        let (sender, receiver) = channel(Duration::from_secs(30));
        let thread = tokio::task::spawn_blocking(move || send(sender));
        let response = match receiver.into_body().await {
            Ok(body) => body.into_response(),
            Err(error) => error.into_response(),
        };
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        thread.await.unwrap();
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        (status, body.ok().map(text))
    })
}

#[test]
fn an_answer_that_breaks_off_is_never_taken_for_whole() {
    let failed = || ApiError::new(http::StatusCode::INTERNAL_SERVER_ERROR, "broken");
    let long = vec![b'x'; PIECE_BYTES];
    assert_eq!(
        received(|sender| sender.end().unwrap()),
        (200, Some(String::new()))
    );
    let piece = long.clone();
    let whole = received(move |mut sender| {
        sender.push(&piece).unwrap();
        sender.push(b"end").unwrap();
        sender.end().unwrap();
    });
    assert_eq!(whole.1.unwrap().len(), PIECE_BYTES + 3);
    // A damaged block in the middle; a thread that is gone.
    let broken = received(move |mut sender| {
        sender.push(&long).unwrap();
        sender.fail(failed());
    });
    assert_eq!(broken, (200, None));
    assert_eq!(received(drop), (200, None));
    // Known before the first piece has gathered: an error like any other, and nothing of the answer.
    let (status, body) = received(move |mut sender| {
        sender.push(b"[").unwrap();
        sender.fail(failed());
    });
    assert_eq!(
        (status, &*body.unwrap()),
        (500, r#"{"error":{"code":500,"message":"broken"}}"#)
    );
}

#[test]
fn an_answer_to_a_key_that_is_revoked_meanwhile_breaks_off() {
    let runtime = runtime();
    let cut = CancellationToken::new();
    let (mut sender, receiver) = runtime.block_on(async { channel(Duration::from_secs(30)) });
    let receiver = receiver.until(cut.clone());
    let sending = runtime.spawn_blocking(move || {
        sender.push(&vec![b'x'; PIECE_BYTES]).unwrap();
        sender.end()
    });
    let body = runtime.block_on(receiver.into_body()).unwrap();
    cut.cancel();
    let read = runtime.block_on(axum::body::to_bytes(body, usize::MAX));
    assert!(read.is_err(), "it was taken for whole");
    runtime.block_on(sending).unwrap().ok();
}

#[test]
fn a_client_that_leaves_a_piece_unread_is_given_up() {
    let runtime = runtime();
    let (mut sender, receiver) = runtime.block_on(async { channel(Duration::ZERO) });
    let long = vec![b'x'; PIECE_BYTES];
    let sending = runtime.spawn_blocking(move || (sender.push(&long), sender.push(&long)));
    assert_eq!(runtime.block_on(sending).unwrap(), (Ok(()), Err(Gone)));
    drop(receiver);
}

#[test]
fn a_client_that_went_away_is_noticed() {
    let runtime = runtime();
    let (mut sender, receiver) = runtime.block_on(async { channel(Duration::from_secs(30)) });
    let watch = sender.watch();
    assert!(!watch.is_abandoned());
    drop(receiver);
    assert!(watch.is_abandoned());
    let sending = runtime.spawn_blocking(move || sender.push(&vec![b'x'; PIECE_BYTES]));
    assert_eq!(runtime.block_on(sending).unwrap(), Err(Gone));
}
