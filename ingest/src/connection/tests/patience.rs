//! Sessions that say nothing, and those that do not stop talking.

use super::*;

/// What a client hears that says something and then nothing more.
fn silence_after(first: &str) -> String {
    let story = Story::new();
    let context = context(&story);
    story.run_with_paused_time(async {
        let (ours, theirs) = tokio::io::duplex(1_024);
        let peer = Peer {
            address: SOURCE,
            transport: Transport::Plain,
        };
        let client = async {
            let mut client = Client(theirs);
            client.say(first).await;
            client.rest().await
        };
        tokio::join!(serve(ours, peer, &context), client).1
    })
}

#[test]
fn an_idle_session_is_told_and_closed() {
    let said = silence_after(&format!("auth {}\n", credential(1)));
    assert_eq!(said, "ok\nidle for 600 s\n");
}

#[test]
fn a_session_without_a_token_may_not_wait_as_long() {
    let no_token = "no token within 300 s: send \"auth <id>:<key>\", or a tag ovh.auth=<id>:<key> on each line\n";
    assert_eq!(silence_after(""), no_token);
    let said = silence_after("dropcaches\n");
    assert_eq!(said, format!("Caches dropped.\n{no_token}"));
}

/// Refuses a client, which then says more every 0.9 s, as long as it can and at most so often; tells how often it could,
/// and what it heard.
fn talking_on(times: usize) -> (usize, String) {
    let story = Story::new();
    let context = context(&story);
    story.run_with_paused_time(async {
        let (ours, theirs) = tokio::io::duplex(1_024);
        let peer = Peer {
            address: SOURCE,
            transport: Transport::Plain,
        };
        let client = async {
            let mut client = Client(theirs);
            client.say(&"x".repeat(5_000)).await;
            let mut said = 0;
            while said < times && client.0.write_all(&[b'x'; 2_000]).await.is_ok() {
                said += 1;
                tokio::time::advance(Duration::from_millis(900)).await;
            }
            (said, client.rest().await)
        };
        tokio::join!(serve(ours, peer, &context), client).1
    })
}

#[test]
fn one_that_has_not_finished_a_refused_line_hears_why_when_it_has() {
    let why = "line too long: at most 4096 bytes with its line end\n".to_owned();
    assert_eq!(talking_on(4), (4, why));
    // It is not listened to for ever.
    assert!((4..8).contains(&talking_on(100).0));
}
