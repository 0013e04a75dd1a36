//! How a server comes and goes.

use std::error::Error as _;
use std::io::Read;
use std::net::TcpStream;

use super::client::{connect, exchange, get, read_to_end};
use super::*;

const VERSION: &str = "GET /api/version HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn nobody_is_served_before_there_is_a_ledger() {
    let mut story = Story::prepare();
    story.run(story.config());
    assert_eq!(get(story.admin(), "/livez").status, 200);
    let unready = get(story.admin(), "/readyz");
    assert_eq!(unready.status, 503);
    assert_eq!(unready.body, "no ledger has been confirmed\n");
    let refused = TcpStream::connect(story.plain()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    story.load(&ledger(1));
    assert!(story.server().wait_until_listening());
    assert_eq!(get(story.admin(), "/readyz").status, 200);
    assert_eq!(exchange(&mut connect(story.plain()), VERSION).status, 200);
}

#[test]
fn a_stop_closes_idle_sessions_and_frees_everything() {
    let mut story = Story::start();
    let mut idle = connect(story.plain());
    assert_eq!(exchange(&mut idle, VERSION).status, 200);
    let mut silent = connect(story.plain());
    let (plain, admin) = (story.plain(), story.admin());
    story.stop().unwrap();
    assert_eq!(read_to_end(&mut idle), "");
    assert_eq!(read_to_end(&mut silent), "");
    for address in [plain, admin] {
        TcpStream::connect(address).unwrap_err();
    }
    // The same data directory and the same port can be had at once.
    let mut config = story.config();
    config.listen.plain = Some(plain);
    story.run(config);
    story.load(&ledger(1));
    assert!(story.server().wait_until_listening());
    assert_eq!(exchange(&mut connect(plain), VERSION).status, 200);
}

#[test]
fn a_stop_before_there_is_a_ledger_is_a_stop() {
    let mut story = Story::prepare();
    story.run(story.config());
    story.server().stop();
    assert!(!story.server().wait_until_listening());
    story.stop().unwrap();
}

#[test]
fn an_unfinished_request_does_not_hold_up_a_stop() {
    let mut story = Story::start_with(|config| {
        config.timeouts.stop = std::time::Duration::from_millis(50);
    });
    let mut half = connect(story.plain());
    std::io::Write::write_all(&mut half, b"POST /api/put HTTP/1.1\r\nContent-Le").unwrap();
    story.stop().unwrap();
    // Closed or reset, but over.
    drop(half.read(&mut [0; 512]));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let story = Story::prepare();
    let mut config = story.config();
    config.listen.plain = Some(address);
    let error = Server::start(config, Arc::new(SystemClock::new())).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot bind {address}"));
    assert!(error.source().is_some());
    assert_eq!(error.exit_code(), 1);
    assert!(!story.path("data").exists(), "nothing was touched");
}

#[test]
fn a_certificate_that_cannot_be_served_is_wrong_configuration() {
    let story = Story::prepare();
    std::fs::write(story.path("tls.key"), "no key").unwrap();
    let error = Server::start(story.config(), Arc::new(SystemClock::new())).unwrap_err();
    assert!(matches!(error, ServerError::Tls(_)), "{error}");
    assert_eq!(error.exit_code(), 2);
    assert!(!story.path("data").exists(), "nothing was touched");
}

#[test]
fn two_servers_do_not_share_a_directory() {
    let story = Story::start();
    let mut config = story.config();
    config.timeouts.data_lock = std::time::Duration::ZERO;
    let error = Server::start(config, Arc::new(SystemClock::new())).unwrap_err();
    assert!(matches!(error, ServerError::Locked { .. }), "{error}");
}
