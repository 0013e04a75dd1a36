//! What a new ledger does to sessions that are open.

use std::io::{Read, Write};
use std::net::TcpStream;

use penstock_tenancy::{LedgerToken, TokenState};

use super::client::{
    connect, connect_tls, exchange, get, put, put_with, read_answer, read_to_end, tls_config,
};
use super::*;
use crate::ledger_fixture::{ID, KEY};

impl Story {
    fn change_token(&self, revision: u64, change: impl FnOnce(&mut LedgerToken)) {
        let mut ledger = ledger(revision);
        change(&mut ledger.applications[0].tokens[0]);
        self.load(&ledger);
    }

    /// A telnet session whose token was taken.
    fn telnet(&self) -> TcpStream {
        let mut client = connect(self.plain());
        authenticate(&mut client);
        client
    }
}

fn authenticate(client: &mut (impl Read + Write)) {
    client
        .write_all(format!("auth {ID}:{KEY}\n").as_bytes())
        .unwrap();
    let mut answer = [0; 3];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ok\n");
}

#[test]
fn telnet_sessions_of_a_revoked_key_are_cut() {
    let story = Story::start();
    let mut plain = story.telnet();
    let mut tls = connect_tls(story.tls(), &tls_config(&story, &[]));
    authenticate(&mut tls);
    story.change_token(2, |token| token.state = TokenState::Revoked);
    for heard in [read_to_end(&mut plain), read_to_end(&mut tls)] {
        assert!(heard.contains("revoked"), "{heard:?}");
        assert!(heard.ends_with('\n'), "{heard:?}");
    }
    let mut again = connect(story.plain());
    again
        .write_all(format!("auth {ID}:{KEY}\n").as_bytes())
        .unwrap();
    let heard = read_to_end(&mut again);
    assert!(heard.contains("revoked"), "{heard:?}");
}

#[test]
fn http_sessions_of_a_revoked_key_are_closed() {
    let story = Story::start();
    let mut client = connect_tls(story.tls(), &tls_config(&story, &[]));
    assert_eq!(exchange(&mut client, &put()).status, 204);
    let mut stranger = connect(story.plain());
    let version = "GET /api/version HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(exchange(&mut stranger, version).status, 200);
    story.change_token(2, |token| token.state = TokenState::Revoked);
    assert_eq!(read_to_end(&mut client), "");
    // Who has not used the key is left alone.
    assert_eq!(exchange(&mut stranger, version).status, 200);
    let refused = exchange(&mut stranger, &put());
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("revoked"), "{refused:?}");
    assert!(
        refused.body.ends_with("\"success\":0,\"failed\":1}"),
        "{refused:?}"
    );
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on_only_if_it_may() {
    let story = Story::start();
    let request = put_with("Expect: 100-continue\r\n");
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut client = connect(story.plain());
    client
        .write_all(format!("{head}\r\n\r\n").as_bytes())
        .unwrap();
    assert_eq!(read_answer(&mut client).status, 100);
    assert_eq!(exchange(&mut client, body).status, 204);
}

#[test]
fn a_change_of_limits_is_not_noticed() {
    let story = Story::start();
    let mut client = story.telnet();
    story.change_token(2, |token| token.limits.points_per_second = 1_000);
    client.write_all(b"put m 1 2 a=b\nexit\n").unwrap();
    assert_eq!(read_to_end(&mut client), "");
}

#[test]
fn points_read_before_a_stop_are_kept() {
    let mut story = Story::start();
    let mut client = story.telnet();
    client.write_all(b"put m 1 2 a=b\nversion\n").unwrap();
    // The answer comes behind the point.
    client.read_exact(&mut [0]).unwrap();
    story.stop().unwrap();
    drop(client.read_to_end(&mut Vec::new()));

    story.run(story.config());
    let metrics = get(story.admin(), "/metrics").body;
    assert!(metrics.contains("penstock_store_series 1\n"), "{metrics}");
    assert!(
        metrics.contains("penstock_store_log_in_use_bytes 0\n"),
        "flushed: {metrics}"
    );
}
