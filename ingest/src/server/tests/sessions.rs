//! What a new ledger does to sessions that are open.

use std::io::{Read, Write};
use std::net::TcpStream;

use penstock_tenancy::{LedgerToken, TokenState};

use super::client::{connect, connect_tls, get, read_to_end, tls_config};
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
