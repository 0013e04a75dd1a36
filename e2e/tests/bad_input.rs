//! Bad input gets an answer that says what and where, and loses nothing good.
//!
//! Each case ends by asking the same server to store and show a good point.

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use penstock_e2e::{Http, Program, Random, Setup, Standalone, Telnet, Token, token};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A server that still takes and shows a good point.
fn is_well(server: &Standalone) -> Result<()> {
    let mut session = Telnet::login(&server.tls()?, &server.token("device")?)?;
    session.send("put still.well 1760000000 1 a=b\n")?;
    let complaint = session.finish()?;
    ensure!(complaint.is_empty(), "{complaint}");
    ensure!(
        server.export("still.well")?.len() == 1,
        "a good point is not there"
    );
    Ok(())
}

fn put(server: &Standalone, path: &str, body: &str) -> Result<penstock_e2e::Response> {
    Http::connect(&server.tls()?)?.post(path, &server.token("device")?.basic(), body)
}

#[test]
fn a_tls_listener_tells_plain_text_so_and_survives_junk() -> Result<()> {
    let server = Standalone::start()?;
    let address = server.tls()?.address;
    for text in [
        "put m 1 1 a=b\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\0\0\0\0",
        "\u{7f}ELF",
    ] {
        let mut socket = TcpStream::connect(address)?;
        socket.write_all(text.as_bytes())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        ensure!(
            answer.contains("TLS") && answer.lines().count() == 1,
            "{text:?}: {answer:?}"
        );
    }
    let mut random = Random::new(1);
    for length in [1, 5, 100, 70_000] {
        let mut junk: Vec<u8> = (0..length)
            .map(|_| random.draw().to_le_bytes()[0])
            .collect();
        junk[0] = 0x16;
        let mut socket = TcpStream::connect(address)?;
        // The server may close before it has read everything.
        drop(socket.write_all(&junk));
        drop(socket.shutdown(std::net::Shutdown::Write));
        drop(socket.read_to_end(&mut Vec::new()));
    }
    is_well(&server)
}

/// The connection breaks in the middle of a record: whole lines stay, half a line is no point.
#[test]
fn truncated_tls_keeps_whole_lines_only() -> Result<()> {
    let server = Standalone::start()?;
    let mut session = Telnet::login(&server.tls()?, &server.token("device")?)?;
    session.send("put cut 1760000000 1 a=b\nput cut 1760000001 12")?;
    session.break_off()?;
    let stored = penstock_e2e::wait::until("the whole line", || {
        let stored = server.export("cut")?;
        Ok((!stored.is_empty()).then_some(stored))
    })?;
    assert_eq!(stored[0].values(), ["1"]);
    is_well(&server)
}

#[test]
fn binary_junk_inside_tls_gets_one_error_line() -> Result<()> {
    let server = Standalone::start()?;
    let mut session = Telnet::login(&server.tls()?, &server.token("device")?)?;
    let mut junk: Vec<u8> = (0_u8..=255).filter(|byte| *byte != b'\n').collect();
    junk.push(b'\n');
    session.send("put before.junk 1760000000 1 a=b\n")?;
    session.send_bytes(&junk)?;
    let answer = session.read_to_close()?;
    assert_eq!(answer.lines().count(), 1, "{answer:?}");
    assert_eq!(server.export("before.junk")?.len(), 1);
    is_well(&server)
}

/// Whether its client reads while it sends, as `openssl s_client` does, or afterwards.
#[test]
fn a_line_of_10_mb_is_refused_and_the_line_before_it_stored() -> Result<()> {
    let server = Standalone::start()?;
    let pair = server.token("device")?.pair();
    let long = "x".repeat(10_000_000);
    let lines = |metric: &str| {
        format!(
            "auth {pair}\nput before.{metric} 1760000000 1 a=b\nput {metric} 1760000000 1 a={long}\n"
        )
    };
    let told = "ok\nline too long: at most 4096 bytes with its line end\n";
    let address = server.tls()?.address.to_string();
    let output = Program::new("openssl")
        .args(["s_client", "-quiet", "-connect", &address])
        .input(&lines("reading"))
        .output()?;
    assert_eq!(String::from_utf8(output.stdout)?, told);

    let mut session = Telnet::connect(&server.plain())?;
    session.send(&lines("sending"))?;
    assert_eq!(session.read_to_close()?, told);

    for metric in ["reading", "sending"] {
        assert_eq!(server.export(&format!("before.{metric}"))?.len(), 1);
        assert_eq!(server.export(metric)?, []);
    }
    is_well(&server)
}

#[test]
fn a_gzip_bomb_is_413() -> Result<()> {
    let server = Standalone::start()?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..1024 {
        encoder.write_all(&" ".repeat(1 << 18).into_bytes())?;
    }
    let bomb = encoder.finish()?;
    let authorization = server.token("device")?.basic();
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Content-Encoding", "gzip"),
    ];
    let answer = Http::connect(&server.tls()?)?.request("POST", "/api/put", &headers, &bomb)?;
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert_eq!(answer.json()?["error"]["code"], 413);
    let answer =
        Http::connect(&server.tls()?)?.request("POST", "/api/put", &headers, b"no gzip at all")?;
    assert_eq!(answer.status, 400, "{}", answer.text());
    is_well(&server)
}

#[test]
fn half_a_body_stores_nothing() -> Result<()> {
    let server = Standalone::start()?;
    let authorization = server.token("device")?.basic();
    let body = r#"[{"metric":"half","timestamp":1760000000,"value":1},"#;
    for (framing, why) in [
        (
            ("Content-Length", "1000"),
            "end of file before message length reached",
        ),
        (
            ("Transfer-Encoding", "chunked"),
            "unexpected EOF during chunk size line",
        ),
    ] {
        let mut http = Http::connect(&server.tls()?)?;
        http.send_head(
            "POST",
            "/api/put",
            &[("Authorization", &authorization), framing],
        )?;
        if framing.0 == "Transfer-Encoding" {
            http.send_bytes(format!("{:x}\r\n", body.len()).as_bytes())?;
        }
        http.send_bytes(body.as_bytes())?;
        let mut stream = http.into_stream();
        stream.finish_writing()?;
        let answer = String::from_utf8(stream.read_to_close()?)?;
        ensure!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let said = r#"{"error":{"code":400,"message":"The request body ended too early","#;
        ensure!(answer.contains(said), "{answer}");
        let end = format!(
            r#"{why}, after {} bytes of it"}},"success":0,"failed":1}}"#,
            body.len()
        );
        ensure!(answer.ends_with(&end), "{answer}");
    }
    assert_eq!(server.export("half")?, []);
    is_well(&server)
}

#[test]
fn json_1000_deep_is_400() -> Result<()> {
    let server = Standalone::start()?;
    let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
    let object = format!(
        r#"{{"metric":"deep","value":1,"tags":{}{}"#,
        r#"{"a":"#.repeat(1000),
        "}".repeat(1001)
    );
    let ignored = format!(r#"{{"metric":"deep","value":1,"more":{deep}}}"#);
    for body in [deep.as_str(), &object, &ignored] {
        let answer = put(&server, "/api/put?details", body)?;
        assert_eq!(answer.status, 400, "{}", answer.text());
        answer.json()?;
    }
    assert_eq!(server.export("deep")?, []);
    is_well(&server)
}

#[test]
fn one_bad_point_of_50000_is_named_and_the_rest_stored() -> Result<()> {
    const POINTS: usize = 50_000;
    const BAD: usize = 31_415;
    let server = Standalone::start()?;
    let mut body = "[".to_owned();
    for number in 0..POINTS {
        let value = if number == BAD {
            r#""n/a""#.to_owned()
        } else {
            number.to_string()
        };
        let comma = if number == 0 { "" } else { "," };
        let time = 1_760_000_000_000 + number;
        write!(
            body,
            r#"{comma}{{"metric":"many","timestamp":{time},"value":{value},"tags":{{"a":"b"}}}}"#
        )?;
    }
    body.push(']');
    let answer = put(&server, "/api/put?details", &body)?;
    assert_eq!(answer.status, 400);
    let json = answer.json()?;
    assert_eq!(
        (&json["success"], &json["failed"]),
        (&(POINTS - 1).into(), &1.into())
    );
    assert_eq!(json["errors"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        json["errors"][0]["error"],
        "Unable to parse value to a number"
    );
    assert_eq!(
        json["errors"][0]["datapoint"]["timestamp"],
        1_760_000_000_000_u64 + BAD as u64
    );
    let points: usize = server
        .export("many")?
        .iter()
        .map(|series| series.points.len())
        .sum();
    assert_eq!(points, POINTS - 1);
    Ok(())
}

#[test]
fn broken_json_stores_nothing() -> Result<()> {
    let server = Standalone::start()?;
    let good = r#"{"metric":"broken","value":1}"#;
    let bodies = [
        "",
        " ",
        "metric=broken&value=1",
        "[]",
        "12",
        &format!("[{good},"),
        &format!("[{good}}}"),
        r#"{"metric":"broken","value":{}}"#,
        r#"{"metric":"broken","value":1,"tags":[]}"#,
        r#"{"metric":"broken","value":1,"timestamp":"abc"}"#,
        "{\"metric\":\"broken\u{0}\",\"value\":1}",
    ];
    for body in bodies {
        let answer = put(&server, "/api/put", body)?;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let message = answer.json()?["error"]["message"].to_string();
        ensure!(message.len() > 2, "{body}: {}", answer.text());
    }
    assert_eq!(server.export("broken")?, []);
    is_well(&server)
}

#[test]
fn unknown_tokens_are_401_and_wrong_rights_403() -> Result<()> {
    let server = Standalone::start()?;
    let body = r#"{"metric":"refused","value":1}"#;
    let (device, reader) = (server.token("device")?, server.token("reader")?);
    let post =
        |authorization: &str| Http::connect(&server.tls()?)?.post("/api/put", authorization, body);

    let swapped = token::basic(&device.id, &reader.key);
    for authorization in [
        "",
        "Basic",
        "Basic !!!",
        &Token::unknown().basic(),
        &swapped,
    ] {
        let answer = post(authorization)?;
        assert_eq!(answer.status, 401, "{authorization}: {}", answer.text());
        let challenge = answer.header("www-authenticate").context("no challenge")?;
        ensure!(challenge.starts_with("Basic"), "{challenge}");
        answer.json()?;
    }
    let answer = post(&reader.basic())?;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let answer =
        Http::connect(&server.tls()?)?.get("/api/v1/export?match[]=refused", &device.basic())?;
    assert_eq!(answer.status, 403, "{}", answer.text());

    for line in [
        format!("auth {}", Token::unknown().pair()),
        format!("auth {}", reader.pair()),
        "auth".to_owned(),
        format!(
            "put refused 1760000000 1 a=b ovh.auth={}",
            Token::unknown().pair()
        ),
        "put refused 1760000000 1 a=b".to_owned(),
    ] {
        let mut session = Telnet::connect(&server.tls()?)?;
        session.send(&format!("{line}\n"))?;
        let answer = session.read_to_close()?;
        ensure!(
            answer.starts_with("auth: ") || answer.starts_with("put: "),
            "{line}: {answer:?}"
        );
        ensure!(
            !answer.contains(&reader.key) && answer.lines().count() == 1,
            "{answer}"
        );
    }
    assert_eq!(server.export("refused")?, []);
    is_well(&server)
}

#[test]
fn a_clock_50_years_off_is_told_so() -> Result<()> {
    let server = Standalone::start()?;
    let time = 1_760_000_000_u64 + 50 * 365 * 86_400;
    let body = format!(r#"{{"metric":"future","timestamp":{time},"value":1}}"#);
    let answer = put(&server, "/api/put?details", &body)?;
    assert_eq!(answer.status, 400, "{}", answer.text());
    ensure!(answer.text().contains("future"), "{}", answer.text());
    let mut session = Telnet::login(&server.tls()?, &server.token("device")?)?;
    session.send(&format!("put future {time} 1 a=b\n"))?;
    let complaint = session.read_to_close()?;
    ensure!(complaint.starts_with("put: "), "{complaint}");
    assert_eq!(server.export("future")?, []);
    is_well(&server)
}

#[test]
fn over_quota_is_429_with_retry_after() -> Result<()> {
    let application =
        "limits: {pointsPerSecond: 100, burst: 100, newSeriesPerHour: 200}".to_owned();
    let server = Standalone::with(Setup {
        application,
        ..Setup::default()
    })?;
    let points = |metric: &str, count: usize| {
        let point = |number| {
            format!(
                r#"{{"metric":"{metric}","timestamp":{},"value":1,"tags":{{"n":"{}"}}}}"#,
                1_760_000_000 + number,
                number % 3
            )
        };
        format!("[{}]", (0..count).map(point).collect::<Vec<_>>().join(","))
    };
    let answer = put(&server, "/api/put", &points("fast", 10_000))?;
    assert_eq!(answer.status, 429, "{}", answer.text());
    let seconds: u64 = answer
        .header("retry-after")
        .context("no Retry-After")?
        .parse()?;
    ensure!(seconds >= 1, "Retry-After: {seconds}");
    ensure!(
        answer.text().contains("pointsPerSecond"),
        "{}",
        answer.text()
    );
    // What was counted as stored is there, and no more.
    let stored: usize = server
        .export("fast")?
        .iter()
        .map(|series| series.points.len())
        .sum();
    let success = answer.json()?["success"].as_u64().context("no count")?;
    assert_eq!(u64::try_from(stored)?, success);
    Ok(())
}

#[test]
fn too_many_new_series_are_429_and_name_the_limit() -> Result<()> {
    let application = "limits: {newSeriesPerHour: 50}".to_owned();
    let server = Standalone::with(Setup {
        application,
        ..Setup::default()
    })?;
    let point = |number| {
        format!(r#"{{"metric":"wide","timestamp":1760000000,"value":1,"tags":{{"n":"{number}"}}}}"#)
    };
    let body = format!("[{}]", (0..80).map(point).collect::<Vec<_>>().join(","));
    let answer = put(&server, "/api/put?summary", &body)?;
    assert_eq!(answer.status, 429, "{}", answer.text());
    ensure!(answer.header("retry-after").is_some(), "no Retry-After");
    assert_eq!(
        (
            answer.json()?["success"].as_u64(),
            answer.json()?["failed"].as_u64()
        ),
        (Some(50), Some(30))
    );
    assert_eq!(server.export("wide")?.len(), 50);
    // Known series go on.
    assert_eq!(put(&server, "/api/put", &point(7))?.status, 204);
    Ok(())
}
