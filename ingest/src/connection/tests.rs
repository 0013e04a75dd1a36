mod patience;

use std::time::Duration;

use penstock_tenancy::{ApplicationLimits, OnError, Permission, Profile, TokenLimits, TokenState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;
use crate::story::{NOON_S, SOURCE, Story, credential, tags};

/// A client of a session.
struct Client(DuplexStream);

impl Client {
    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next line of the server.
    async fn hear(&mut self) -> String {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            line.push(self.0.read_u8().await.unwrap());
        }
        String::from_utf8(line).unwrap()
    }

    /// Sends no more, and reads what the server still says until it closes.
    async fn finish(mut self) -> String {
        self.0.shutdown().await.unwrap();
        self.rest().await
    }

    async fn rest(mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).await.unwrap();
        rest
    }
}

fn context(story: &Story) -> TelnetContext {
    TelnetContext::new(
        Arc::clone(&story.event_loop),
        Arc::clone(&story.authenticator),
        TelnetTimeouts {
            first_token: Duration::from_mins(5),
            idle: Duration::from_mins(10),
        },
        CancellationToken::new(),
    )
}

/// Runs a client against a session over the transport.
fn session_over<T>(
    story: &Story,
    transport: Transport,
    client: impl AsyncFnOnce(Client) -> T,
) -> T {
    let context = context(story);
    story.run(async {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let peer = Peer {
            address: SOURCE,
            transport,
        };
        let both = async { tokio::join!(serve(ours, peer, &context), client(Client(theirs))) };
        tokio::time::timeout(Story::PATIENCE, both)
            .await
            .expect("the session hangs")
            .1
    })
}

fn session<T>(story: &Story, client: impl AsyncFnOnce(Client) -> T) -> T {
    session_over(story, Transport::Plain, client)
}

/// Sends all at once, half-closes, and returns what the server says. `%` stands for the credential of token
/// 1, `@` for noon.
fn answer(story: &Story, lines: &str) -> String {
    let lines = lines
        .replace('%', &credential(1))
        .replace('@', &NOON_S.to_string());
    session(story, async move |mut client: Client| {
        client.say(&lines).await;
        client.finish().await
    })
}

#[test]
fn what_was_put_before_a_clean_close_is_durable() {
    let story = Story::new();
    let said = answer(
        &story,
        "auth %\nput m @ 1 a=b\nput m 1795608001.500 12.340 a=b\nput n @ 2\n",
    );
    assert_eq!(said, "ok\n");
    assert_eq!(story.stored(1), ["m{a=b} 0=1 1=12.34", "n{} 0=2"]);
    assert!(story.stored(2).is_empty());
}

#[test]
fn a_token_may_come_with_auth_or_on_each_line() {
    let story = Story::with(|ledger| {
        ledger.applications[0].tags = tags(&[("site", "paris"), ("fleet", "app")]);
        ledger.applications[0].tokens[0].tags = tags(&[("fleet", "f1")]);
    });
    let said = answer(
        &story,
        "put m @ 1 host=a ovh.auth=%\r\nput m @ 2  host=b ovh.auth=% fleet=forged\r\nauth %\nput m @ 3 host=c\n",
    );
    assert_eq!(said, "ok\n");
    assert_eq!(
        story.stored(1),
        [
            "m{fleet=f1,host=a,site=paris} 0=1",
            "m{fleet=f1,host=b,site=paris} 0=2",
            "m{fleet=f1,host=c,site=paris} 0=3"
        ]
    );
}

#[test]
fn a_lines_own_token_wins_for_that_line_alone() {
    let story = Story::new();
    let (one, two) = (credential(1), credential(2).replace(':', "_"));
    let said = answer(
        &story,
        &format!("auth {one}\nput m @ 1 ovh.auth={two}\nput m @ 2\nput m @ 3 ovh.auth={two}\n"),
    );
    assert_eq!(said, "ok\n");
    assert_eq!(story.stored(1), ["m{} 0=2"]);
    assert_eq!(story.stored(2), ["m{} 0=3"]);
}

#[test]
fn a_bad_line_ends_the_session_and_loses_nothing_before_it() {
    for (bad, error) in [
        ("put m @ x a=b", "put: invalid value: "),
        ("put m 0 1", "put: illegal argument: invalid timestamp: 0"),
        (
            "put m @ 1 a=b=c",
            "put: illegal argument: invalid tag: a=b=c",
        ),
        (
            "put m: @ 1",
            "put: illegal argument: Invalid metric name (\"m:\"): illegal character: :",
        ),
        (
            "put m @ 1 __name__=x",
            "put: illegal argument: Invalid tag name (\"__name__\")",
        ),
        (
            "put m 3392231680 1",
            "put: illegal argument: bad timestamp=3392231680000: more than 2880 minutes",
        ),
        ("rollup 1x-sum m @ 1 a=b", "rollup: No such rollup: "),
        ("frobnicate", "unknown command: frobnicate.  Try `help'.\n"),
        (
            "auth nobody",
            "auth: malformed credentials: a credential begins with the token's id",
        ),
        (
            "put m @ 1 ovh.auth=x",
            "put: unauthorized: malformed credentials",
        ),
    ] {
        let story = Story::new();
        let said = answer(
            &story,
            &format!("auth %\nput good @ 1\n{bad}\nput after @ 2\n"),
        );
        let said = said.strip_prefix("ok\n").unwrap();
        assert!(said.starts_with(error), "{bad}: {said}");
        assert_eq!(said.lines().count(), 1);
        assert_eq!(story.stored(1), ["good{} 0=1"], "{bad}");
    }
}

#[test]
fn nobody_writes_without_a_token() {
    let story = Story::new();
    let said = answer(&story, "put m @ 1\n");
    assert!(
        said.starts_with("put: unauthorized: no token: send \"auth <id>:<key>\""),
        "{said}"
    );
    let wrong_key = credential(1).replace("KeyOf", "KeyOg");
    let said = answer(&story, &format!("auth {wrong_key}\nput m @ 1\n"));
    assert_eq!(said, "auth: unknown token or wrong key\n");
    assert!(story.stored(1).is_empty());
}

#[test]
fn a_token_without_the_right_is_told_why() {
    let story = Story::with(|ledger| {
        ledger.applications[0].tokens[0].permission = Permission::Read;
        ledger.applications[1].tokens[0].state = TokenState::Paused;
    });
    assert_eq!(
        answer(&story, "auth %\n"),
        "auth: the token has no write permission\n"
    );
    let line = format!("put m @ 1 ovh.auth={}\n", credential(2));
    assert_eq!(
        answer(&story, &line),
        "put: unauthorized: the token is paused\n"
    );
}

#[test]
fn questions_are_answered_before_auth_and_in_order() {
    let story = Story::new();
    let said = answer(&story, "version\nHELP\nstats\n\nquit\nput m @ 1\n");
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with("net.opentsdb.tools "), "{said}");
    assert!(lines[1].starts_with("available commands: "), "{said}");
    assert_eq!(
        lines[2],
        format!("tsd.connection.points {NOON_S} 0 host=penstock")
    );
    assert_eq!(lines.len(), 3);
}

#[test]
fn version_answers_only_when_everything_before_it_is_durable() {
    let story = Story::new();
    session(&story, async |mut client: Client| {
        client.say(&format!("auth {}\n", credential(1))).await;
        assert_eq!(client.hear().await, "ok\n");
        for n in 0..20 {
            client
                .say(&format!("put m {} {n}\nversion\n", NOON_S + n))
                .await;
            assert!(client.hear().await.starts_with("net.opentsdb.tools"));
            assert_eq!(
                story.stored(1)[0].split(' ').count(),
                usize::try_from(n).unwrap() + 2
            );
        }
        assert_eq!(client.finish().await, "");
    });
}

#[test]
fn a_last_line_without_line_feed_is_named_and_not_stored() {
    let story = Story::new();
    let said = answer(&story, "auth %\nput m @ 1\nput m @ 12");
    assert_eq!(
        said,
        format!("ok\nthe last line has no line feed and was not stored: put m {NOON_S} ...\n")
    );
    assert_eq!(story.stored(1), ["m{} 0=1"]);
    assert_eq!(
        story
            .event_loop
            .counts()
            .lines_unfinished
            .load(Ordering::Relaxed),
        1
    );
}

#[test]
fn over_tls_a_proper_end_makes_the_last_line_whole() {
    let story = Story::new();
    let lines = format!("auth {}\nput m {NOON_S} 12", credential(1));
    let said = session_over(&story, Transport::Tls, async move |mut client: Client| {
        client.say(&lines).await;
        client.finish().await
    });
    assert_eq!(said, "ok\n");
    assert_eq!(story.stored(1), ["m{} 0=12"]);
}

#[test]
fn lines_of_any_length_are_bounded() {
    let story = Story::new();
    let long = "x".repeat(5_000);
    let said = answer(&story, &format!("auth %\nput m @ 1\nput m @ 2 a={long}\n"));
    assert_eq!(
        said,
        "ok\nline too long: at most 4096 bytes with its line end\n"
    );
    assert_eq!(story.stored(1), ["m{} 0=1"]);
    let said = answer(&story, &"x".repeat(10 << 20));
    assert_eq!(
        said,
        "line too long: at most 4096 bytes with its line end\n"
    );
}

#[test]
fn the_opentsdb_profile_has_shorter_lines_and_wants_tags() {
    let strict = || Story::with(|ledger| ledger.applications[0].profile = Profile::OpenTsdb);
    let story = strict();
    let long = "x".repeat(1_024);
    assert_eq!(
        answer(
            &story,
            &format!("auth %\nput m @ 1 a=b\nput m @ 2 a={long}\n")
        ),
        // OpenTSDB says nothing here. A close without a word would tell the sender that this line is stored.
        "ok\nline too long: at most 1024 bytes with its line end\n"
    );
    assert_eq!(story.stored(1), ["m{a=b} 0=1"]);
    let said = answer(&strict(), "auth %\nput m @ 1\n");
    assert_eq!(
        said,
        "ok\nput: illegal argument: not enough arguments (need least 4, got 3)\n"
    );
    let nine: Vec<_> = (0..9).map(|n| format!("k{n}=v")).collect();
    let said = answer(
        &strict(),
        &format!("auth %\nput m @ 1 {}\n", nine.join(" ")),
    );
    assert!(
        said.starts_with("ok\nput: illegal argument: Too many tags: 9 maximum allowed: 8"),
        "{said}"
    );
}

#[test]
fn keep_open_answers_and_goes_on() {
    let story = Story::with(|ledger| ledger.applications[0].on_error = OnError::KeepOpen);
    let said = answer(
        &story,
        "auth %\nput m x 1\nput m @ 1\nnonsense\nput m: @ 2\nput n @ 3\n",
    );
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[1].starts_with("put: invalid value: "), "{said}");
    assert!(lines[2].starts_with("unknown command: nonsense"), "{said}");
    assert!(
        lines[3].starts_with("put: illegal argument: Invalid metric name"),
        "{said}"
    );
    assert_eq!(lines.len(), 4);
    assert_eq!(story.stored(1), ["m{} 0=1", "n{} 0=3"]);
}

#[test]
fn a_client_that_never_reads_does_not_stop_its_own_lines() {
    let story = Story::with(|ledger| ledger.applications[0].on_error = OnError::KeepOpen);
    let context = context(&story);
    story.run(async {
        let (ours, theirs) = tokio::io::duplex(64);
        let peer = Peer {
            address: SOURCE,
            transport: Transport::Plain,
        };
        let client = async {
            let mut client = Client(theirs);
            client.say(&format!("auth {}\n", credential(1))).await;
            for n in 0..500 {
                client
                    .say(&format!("put m: {NOON_S} 1\nput m {} 1\n", NOON_S + n))
                    .await;
            }
            // Far beyond what is kept for it, it is given up.
            while client.0.write_all(b"help\n").await.is_ok() {}
        };
        let both = async { tokio::join!(serve(ours, peer, &context), client) };
        tokio::time::timeout(Story::PATIENCE, both)
            .await
            .expect("the session hangs");
        story
            .event_loop
            .durable(story.store.append(&[]).unwrap())
            .await
            .unwrap();
    });
    assert_eq!(story.stored(1)[0].split(' ').count(), 501);
}

#[test]
fn what_a_telnet_program_negotiates_is_passed_over() {
    let story = Story::new();
    session(&story, async |mut client: Client| {
        client.0.write_all(b"\xff\xfd").await.unwrap();
        client
            .0
            .write_all(b"\x03\xff\xfb\x18version\r\n")
            .await
            .unwrap();
        assert!(client.hear().await.starts_with("net.opentsdb.tools"));
        assert_eq!(client.finish().await, "");
    });
}

#[test]
fn a_revoked_token_cuts_its_sessions() {
    let mut story = Story::new();
    let context = context(&story);
    let said = story_of_revocation(&mut story, &context);
    assert_eq!(said, "auth: the token is revoked\n");
    assert_eq!(story.stored(1), ["m{} 0=1"]);
}

/// The session writes a point, its token is revoked, and it hears so without having said anything more.
fn story_of_revocation(story: &mut Story, context: &TelnetContext) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let mut client = Client(theirs);
        let peer = Peer {
            address: SOURCE,
            transport: Transport::Plain,
        };
        let deliver = context.event_loop.deliver();
        let client = async {
            client
                .say(&format!(
                    "auth {}\nput m {NOON_S} 1\nversion\n",
                    credential(1)
                ))
                .await;
            assert_eq!(client.hear().await, "ok\n");
            assert!(client.hear().await.starts_with("net.opentsdb.tools"));
            story.change_ledger(|ledger| {
                ledger.applications[0].tokens[0].state = TokenState::Revoked;
            });
            client.rest().await
        };
        let session = async { tokio::join!(serve(ours, peer, context), client) };
        tokio::select! {
            () = deliver => unreachable!("it runs for ever"),
            ((), said) = session => said,
        }
    })
}

#[test]
fn a_token_whose_rules_change_writes_to_new_series_from_the_next_point_on() {
    let mut story = Story::new();
    let context = context(&story);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let said = runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let mut client = Client(theirs);
        let peer = Peer {
            address: SOURCE,
            transport: Transport::Plain,
        };
        let deliver = context.event_loop.deliver();
        let (one, put) = (credential(1), format!("put m {NOON_S}"));
        let client = async {
            client
                .say(&format!(
                    "auth {one}\n{put} 1\n{put} 1 ovh.auth={one} by=line\nversion\n"
                ))
                .await;
            client.hear().await;
            client.hear().await;
            story.change_ledger(|ledger| ledger.applications[0].tags = tags(&[("site", "paris")]));
            client
                .say(&format!(
                    "{put} 2\n{put} 2 ovh.auth={one} by=line\nversion\n"
                ))
                .await;
            client.hear().await;
            story.change_ledger(|ledger| {
                ledger.applications[0].charset = penstock_model::Charset::IotLab;
            });
            client.say(&format!("put m_1 {NOON_S} 3\n")).await;
            client.finish().await
        };
        let session = async { tokio::join!(serve(ours, peer, &context), client) };
        tokio::select! {
            () = deliver => unreachable!("it runs for ever"),
            ((), said) = session => said,
        }
    });
    assert!(
        said.contains("Invalid metric name (\"m_1\"): illegal character: _"),
        "{said}"
    );
    assert_eq!(
        story.stored(1),
        [
            "m{} 0=1",
            "m{by=line} 0=1",
            "m{by=line,site=paris} 0=2",
            "m{site=paris} 0=2"
        ]
    );
}

#[test]
fn limits_are_named() {
    let story = Story::with(|ledger| {
        ledger.applications[0].limits = ApplicationLimits {
            points_per_second: 2,
            burst: 2,
            ..ApplicationLimits::default()
        };
        ledger.applications[1].tokens[0].limits = TokenLimits {
            connections: 1,
            ..TokenLimits::default()
        };
    });
    assert_eq!(
        answer(&story, "auth %\nput m @ 1\nput n @ 2\nput o @ 3\n"),
        "ok\nput: Please throttle writes: limit pointsPerSecond of application iot/app-1 reached: 2 points/s\n"
    );
    assert_eq!(story.stored(1), ["m{} 0=1", "n{} 0=2"]);
    let _other = story.grant(2).limits().connect().unwrap();
    let two = credential(2);
    let limit = "limit connections of token TokenNumber2 reached: 1 connections\n";
    assert_eq!(
        answer(&story, &format!("auth {two}\n")),
        format!("auth: {limit}")
    );
    assert_eq!(
        answer(&story, &format!("put m @ 1 ovh.auth={two}\n")),
        format!("put: Please throttle writes: {limit}")
    );
}

#[test]
fn a_stopping_server_says_so() {
    let story = Story::new();
    let context = context(&story);
    let said = story.run(async {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let peer = Peer {
            address: SOURCE,
            transport: Transport::Plain,
        };
        let client = async {
            let mut client = Client(theirs);
            client
                .say(&format!("auth {}\nput m {NOON_S} 1\n", credential(1)))
                .await;
            assert_eq!(client.hear().await, "ok\n");
            context.stopping.cancel();
            client.rest().await
        };
        tokio::join!(serve(ours, peer, &context), client).1
    });
    assert_eq!(
        said,
        "the server is stopping: what comes now is not stored\n"
    );
    assert_eq!(story.stored(1), ["m{} 0=1"]);
}

#[test]
fn while_the_disk_is_full_nothing_is_read_and_then_the_sender_is_told() {
    let story = Story::new();
    story.write(1, r#"{"metric":"m","timestamp":@,"value":1}"#);
    story.fill_disk();
    let context = context(&story);
    let said = story.run_with_paused_time(async {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let peer = Peer {
            address: SOURCE,
            transport: Transport::Plain,
        };
        let client = async {
            let mut client = Client(theirs);
            client
                .say(&format!("auth {}\nput m {NOON_S} 1\n", credential(1)))
                .await;
            client.rest().await
        };
        tokio::join!(serve(ours, peer, &context), client).1
    });
    assert!(
        said.starts_with("ok\nput: Please throttle writes: the server is overloaded: "),
        "{said}"
    );
    assert_eq!(
        story
            .event_loop
            .counts()
            .points_given_up
            .load(Ordering::Relaxed),
        1
    );
}
