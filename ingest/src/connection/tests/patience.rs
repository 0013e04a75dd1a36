//! Sessions that say nothing.

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
