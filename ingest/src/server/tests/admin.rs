//! The admin port, asked over its socket.

use penstock_tenancy::{SigningKey, sign};

use super::client::{Answer, ask, connect, exchange, get, put};
use super::*;
use crate::config::LedgerSource;
use crate::ledger_fixture::{ID, signing_key};

const BEARER: &str = "Authorization: Bearer operators-secret\r\n";

impl Story {
    /// Running with signed ledgers, none of them loaded.
    fn start_signed() -> Self {
        let mut story = Self::prepare();
        let config = story.signed_config();
        story.run(config);
        story
    }

    fn signed_config(&self) -> Config {
        let key = signing_key(1).verifying_key().to_string();
        std::fs::write(self.path("verify-keys"), key).unwrap();
        std::fs::write(self.path("bearer"), "operators-secret\n").unwrap();
        let mut config = self.config();
        config.ledger = LedgerSource::Signed {
            path: self.path("ledger.json"),
            verify_keys_file: self.path("verify-keys"),
            bearer_file: self.path("bearer"),
        };
        config
    }

    fn post(&self, revision: u64, key: &SigningKey) -> Answer {
        let document = sign(&ledger(revision), key).unwrap();
        ask(self.admin(), "POST", "/ledger", "", &document)
    }
}

#[test]
fn a_posted_ledger_opens_the_ports() {
    let story = Story::start_signed();
    let taken = story.post(41, &signing_key(1));
    assert_eq!(taken.status, 200, "{taken:?}");
    assert!(taken.body.contains("\"revision\":41"), "{taken:?}");
    assert!(story.server().wait_until_listening());
    let version = "GET /api/version HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(exchange(&mut connect(story.plain()), version).status, 200);

    let again = story.post(41, &signing_key(1));
    assert_eq!(again.body, taken.body, "confirmed");
}

#[test]
fn refused_ledgers_say_why() {
    let story = Story::start_signed();
    assert_eq!(story.post(41, &signing_key(1)).status, 200);
    let stale = story.post(40, &signing_key(1));
    assert_eq!(stale.status, 409);
    assert!(
        stale.body.contains("revision 40 is older than revision 41"),
        "{stale:?}"
    );
    assert_eq!(story.post(42, &signing_key(2)).status, 403);
    let junk = ask(story.admin(), "POST", "/ledger", "", b"{}");
    assert_eq!(junk.status, 400);
    let large = vec![b'x'; penstock_tenancy::signed::LEDGER_BYTES_MAX + 1];
    let refused = ask(story.admin(), "POST", "/ledger", "", &large);
    assert_eq!(refused.status, 413);
    assert!(
        refused.body.contains("at most 5734400 bytes"),
        "{refused:?}"
    );
    let metrics = get(story.admin(), "/metrics").body;
    assert!(
        metrics.contains("penstock_ledger_rejections_total{origin=\"post\"} 4"),
        "{metrics}"
    );
    let shown = ask(story.admin(), "GET", "/ledger", BEARER, b"").body;
    assert!(shown.contains("\"revision\":41"), "{shown}");
    assert!(shown.contains("lastRefusal"), "{shown}");
}

#[test]
fn the_ledger_is_shown_to_the_operator_alone() {
    let story = Story::start_signed();
    story.post(41, &signing_key(1));
    for head in [
        "",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Bearer \r\n",
    ] {
        let refused = ask(story.admin(), "GET", "/ledger", head, b"");
        assert_eq!(refused.status, 401);
        assert!(!refused.body.contains("41"));
    }
    let shown = ask(story.admin(), "GET", "/ledger", BEARER, b"").body;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["revision"], 41);
    assert_eq!(shown["checksum"].as_str().unwrap().len(), 64);
    assert_eq!(shown["tenants"][0]["activeSeries"], 0);
    assert_eq!(shown["keys"][0]["token"], ID);
    assert_eq!(shown["keys"][0].get("lastUsed"), None);
    let full = ask(story.admin(), "GET", "/ledger?full", BEARER, b"").body;
    let document = sign(&ledger(41), &signing_key(1)).unwrap();
    assert_eq!(full.as_bytes(), document);

    // An empty secret opens nothing.
    std::fs::write(story.path("bearer"), "").unwrap();
    let empty = ask(
        story.admin(),
        "GET",
        "/ledger",
        "Authorization: Bearer \r\n",
        b"",
    );
    assert_eq!(empty.status, 401);
}

#[test]
fn what_an_application_uses_is_reported() {
    let story = Story::start_signed();
    let mut with_removed = ledger(41);
    let mut gone = with_removed.applications[0].clone();
    (gone.name, gone.removed, gone.tokens) = ("gone".to_owned(), true, Vec::new());
    gone.tenant = penstock_model::TenantId::from_bytes([9; 16]);
    with_removed.applications.push(gone);
    let document = sign(&with_removed, &signing_key(1)).unwrap();
    assert_eq!(
        ask(story.admin(), "POST", "/ledger", "", &document).status,
        200
    );
    assert!(story.server().wait_until_listening());
    assert_eq!(exchange(&mut connect(story.plain()), &put()).status, 204);
    let shown = ask(story.admin(), "GET", "/ledger", BEARER, b"").body;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let tenant = &shown["tenants"][0];
    assert_eq!(tenant["points"], 1, "{shown}");
    assert_eq!(tenant["bytes"], 0, "not in a block yet");
    assert!(shown["keys"][0]["lastUsed"].is_number(), "{shown}");
    assert_eq!(
        shown["removedTenants"].as_array().unwrap().len(),
        0,
        "it has no data here"
    );
}

#[test]
fn a_mounted_ledger_is_followed() {
    let story = Story::start_signed();
    let mount = |revision| {
        let document = sign(&ledger(revision), &signing_key(1)).unwrap();
        // As kubelet does: the server looks by itself too, and must not meet half a file.
        std::fs::write(story.path("ledger.new"), document).unwrap();
        std::fs::rename(story.path("ledger.new"), story.path("ledger.json")).unwrap();
        story.server().reload();
    };
    mount(5);
    let metrics = get(story.admin(), "/metrics").body;
    assert!(metrics.contains("penstock_ledger_revision 5"), "{metrics}");
    mount(4);
    let metrics = get(story.admin(), "/metrics").body;
    assert!(metrics.contains("penstock_ledger_revision 5"), "{metrics}");
    assert!(
        metrics.contains("penstock_ledger_rejections_total{origin=\"file\"} 1"),
        "{metrics}"
    );
}

#[test]
fn an_embedded_server_has_no_operator() {
    let story = Story::start();
    assert_eq!(
        ask(story.admin(), "GET", "/ledger", BEARER, b"").status,
        404
    );
    assert_eq!(story.post(99, &signing_key(1)).status, 404);
}

#[test]
fn what_is_read_and_answered_is_counted() {
    let story = Story::start();
    assert_eq!(exchange(&mut connect(story.plain()), &put()).status, 204);
    let metrics = get(story.admin(), "/metrics").body;
    let body = put().len() - put().find("\r\n\r\n").unwrap() - 4;
    for line in [
        format!("penstock_http_body_bytes_total {body}"),
        "penstock_http_answers_total{status=\"2xx\"} 1".to_owned(),
        "penstock_write_points_stored_total 1".to_owned(),
    ] {
        assert!(
            metrics.lines().any(|have| have == line),
            "{line}: {metrics}"
        );
    }
}

#[test]
fn everything_that_is_counted_has_a_good_name() {
    let story = Story::start();
    let metrics = get(story.admin(), "/metrics").body;
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    let names = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next());
    for name in names {
        assert!(name.starts_with("penstock_"), "{name}");
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
        assert!(plain, "{name}");
    }
    for name in [
        "penstock_write_points_stored_total",
        "penstock_store_series",
        "penstock_tls_certificate_end_timestamp_seconds 67090118400",
    ] {
        assert!(metrics.contains(name), "{name}");
    }
}

#[test]
fn other_paths_are_not_there() {
    let story = Story::start();
    assert_eq!(get(story.admin(), "/").status, 404);
    assert_eq!(get(story.admin(), "/api/put").status, 404);
    assert_eq!(ask(story.admin(), "DELETE", "/ledger", "", b"").status, 405);
}

/// A port that nobody has, for a server whose start does not return yet.
fn free_port() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn until_it_answers(admin: SocketAddr) {
    while std::net::TcpStream::connect(admin).is_err() {
        std::thread::yield_now();
    }
}

#[test]
fn a_certificate_that_is_mounted_late_is_waited_for() {
    let mut story = Story::prepare();
    let (there, away) = (story.path("tls.crt"), story.path("away"));
    std::fs::rename(&there, &away).unwrap();
    let mut config = story.signed_config();
    let admin = free_port();
    config.listen.admin = admin;
    let server = std::thread::scope(|scope| {
        let start = || Server::start(config, Arc::new(SystemClock::new()));
        let start = scope.spawn(start);
        until_it_answers(admin);
        let waiting = get(admin, "/readyz");
        assert_eq!(waiting.status, 503);
        assert!(
            waiting.body.starts_with("no certificate yet: cannot read"),
            "{waiting:?}"
        );
        assert!(waiting.body.contains("tls.crt"), "{waiting:?}");
        let started = scope.spawn(|| get(admin, "/startz").status);
        let early = ask(admin, "POST", "/ledger", "", b"{}");
        assert_eq!(early.status, 503, "there is no store yet");
        assert_eq!(started.join().unwrap(), 200, "the operator has called");
        assert!(!story.path("data").exists(), "nothing was touched");
        std::fs::rename(&away, &there).unwrap();
        start.join().unwrap().unwrap()
    });
    story.server = Some(server);
    let soon = std::thread::scope(|scope| {
        let soon = scope.spawn(|| get(admin, "/readyz?within=20").status);
        assert_eq!(story.post(41, &signing_key(1)).status, 200);
        soon.join().unwrap()
    });
    assert_eq!(soon, 200, "it waits for its answer to become a good one");
    let listening = get(admin, "/startz");
    assert_eq!(listening.status, 200);
}

#[test]
fn nobody_waits_for_a_certificate_that_nobody_will_bring() {
    let story = Story::prepare();
    std::fs::remove_file(story.path("tls.key")).unwrap();
    let error = Server::start(story.config(), Arc::new(SystemClock::new())).unwrap_err();
    assert!(matches!(error, ServerError::Tls(_)), "{error}");
    std::fs::write(story.path("tls.key"), "no key").unwrap();
    let config = story.signed_config();
    let error = Server::start(config, Arc::new(SystemClock::new())).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
}
