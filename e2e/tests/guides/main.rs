//! Every example of the user guides, run literally: only host, port and token are put in.

mod reads;

use anyhow::{Context, Result};
use penstock_e2e::{Program, Series, Setup, Standalone, Token};
use std::fs;
use std::path::PathBuf;

/// The body of OVH's guide and of OpenTSDB's put page.
const NICE: &str = r#"{
    "metric": "sys.cpu.nice",
    "timestamp": 1346846400,
    "value": 18,
    "tags": {
        "host": "web01",
        "dc": "lga"
    }
}"#;

/// What [`NICE`] becomes.
fn nice() -> Vec<Series> {
    vec![series(
        "sys.cpu.nice",
        &[("dc", "lga"), ("host", "web01")],
        1_346_846_400_000,
        "18",
    )]
}

fn series(metric: &str, tags: &[(&str, &str)], time: i64, value: &str) -> Series {
    let tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Series {
        metric: metric.to_owned(),
        tags,
        points: vec![(time, value.to_owned())],
    }
}

/// `openssl s_client` with `input` typed into it; what the server said.
fn s_client(server: &Standalone, input: &str) -> Result<String> {
    let address = server.tls()?.address.to_string();
    Program::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-connect",
            &address,
            "-CAfile",
        ])
        .args([server.ca()])
        .input(input)
        .run()
}

/// `curl` that prints the status after the body.
fn curl(server: &Standalone, arguments: &[&str]) -> Result<String> {
    Program::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--write-out",
            "%{http_code}",
            "--cacert",
        ])
        .args([server.ca()])
        .args(arguments)
        .run()
}

fn url(server: &Standalone, path: &str) -> Result<String> {
    Ok(format!("https://{}{path}", server.tls()?.address))
}

fn now_seconds() -> Result<i64> {
    Ok(Program::new("date").args(["+%s"]).run()?.trim().parse()?)
}

#[test]
fn iot_lab_telnet_with_the_auth_command() -> Result<()> {
    let server = Standalone::start()?;
    let pair = server.token("device")?.pair();
    let input = format!("auth {pair}\nput temperature 1346846400 21.5 room=cellar\nexit\n");
    assert_eq!(s_client(&server, &input)?, "ok\n");
    let expected = series(
        "temperature",
        &[("room", "cellar")],
        1_346_846_400_000,
        "21.5",
    );
    assert_eq!(server.export("temperature")?, [expected]);
    Ok(())
}

#[test]
fn iot_lab_telnet_with_the_token_in_a_tag() -> Result<()> {
    let device = "tags: {site: lab}".to_owned();
    let server = Standalone::with(Setup {
        device,
        ..Setup::default()
    })?;
    let pair = server.token("device")?.pair();
    let lines = format!(
        "put speed 1346846400 90 car=5BBM99 ovh.auth={pair}\nput speed 1346846401000 91 ovh.auth={pair} car=5BBM99\nexit\n"
    );
    assert_eq!(s_client(&server, &lines)?, "");
    let stored = server.export("speed")?;
    let mut expected = series(
        "speed",
        &[("car", "5BBM99"), ("site", "lab")],
        1_346_846_400_000,
        "90",
    );
    expected.points.push((1_346_846_401_000, "91".to_owned()));
    assert_eq!(stored, [expected]);
    Ok(())
}

#[test]
fn iot_lab_telnet_says_what_is_wrong_and_closes() -> Result<()> {
    let server = Standalone::start()?;
    let pair = server.token("device")?.pair();
    let answer = s_client(
        &server,
        &format!("auth {pair}\nput temperature now 21.5 room=cellar\n"),
    )?;
    assert!(answer.starts_with("ok\nput: invalid value: "), "{answer}");
    let answer = s_client(&server, "put temperature 1346846400 21.5 room=cellar\n")?;
    assert!(answer.starts_with("put: "), "{answer}");
    assert!(s_client(&server, "help\nexit\n")?.contains("put"));
    assert_eq!(server.export("temperature")?, []);
    Ok(())
}

#[test]
fn iot_lab_https_with_basic_authentication() -> Result<()> {
    let server = Standalone::start()?;
    let Token { id, key } = server.token("device")?;
    let user = format!("{id}:{key}");
    let answer = curl(
        &server,
        &["--user", &user, "--data", NICE, &url(&server, "/api/put/")?],
    )?;
    assert_eq!(answer, "204");
    assert_eq!(server.export("sys.cpu.nice")?, nice());
    Ok(())
}

#[test]
fn ovh_curl_with_the_token_as_password() -> Result<()> {
    let server = Standalone::start()?;
    let body = server.scratch("opentsdb.json");
    fs::write(&body, NICE)?;
    let data = format!("@{}", body.display());
    let address = server.tls()?.address;
    let token = server.token("device")?.single();
    let url = format!("https://metrics:{token}@{address}/api/put");
    assert_eq!(curl(&server, &["-X", "POST", "-d", &data, &url])?, "204");
    assert_eq!(server.export("sys.cpu.nice")?, nice());
    Ok(())
}

#[test]
fn ovh_header_with_a_string_timestamp_in_text_plain() -> Result<()> {
    let server = Standalone::start()?;
    let header = format!("X-Warp10-Token: {}", server.token("device")?.single());
    let body = NICE.replace("1346846400", "\"1346846400\"");
    let url = url(&server, "/api/put")?;
    let answer = curl(
        &server,
        &[
            "-H",
            &header,
            "-H",
            "content-type: text/plain",
            "-d",
            &body,
            &url,
        ],
    )?;
    assert_eq!(answer, "204");
    assert_eq!(server.export("sys.cpu.nice")?, nice());
    Ok(())
}

/// The guide's sample as printed, and with the one change that it lacks.
#[test]
fn ovh_python_sample_is_told_that_it_posts_a_form() -> Result<()> {
    const SAMPLE: &str = r#"
import json, requests, sys
url, token, ca, mended = sys.argv[1:]
headers = {'X-Warp10-Token': token, 'content-type':'text/plain'}
payload = {}
payload["metric"] = "sys.cpu.nice"
payload["timestamp"] = "1346846400"
payload["value"] = 18
tags = { "host": "web01", "dc": "lga"}
payload["tags"] = tags
data = json.dumps(payload) if mended == "mended" else payload
r = requests.post(url, headers=headers, data=data, verify=ca)
print(r.status_code, r.text)
"#;
    let server = Standalone::start()?;
    let token = server.token("device")?.single();
    let (url, ca) = (url(&server, "/api/put")?, server.ca().display().to_string());
    let sample = |how: &str| {
        Program::new(python())
            .args(["-c", SAMPLE, &url, &token, &ca, how])
            .run()
    };
    let answer = sample("as printed")?;
    assert!(answer.starts_with("400 "), "{answer}");
    assert!(
        answer.contains("form") && answer.contains("JSON"),
        "{answer}"
    );
    assert_eq!(sample("mended")?, "204 \n");
    assert_eq!(server.export("sys.cpu.nice")?, nice());
    Ok(())
}

fn python() -> PathBuf {
    std::env::var_os("PENSTOCK_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

#[test]
fn opentsdb_put_page() -> Result<()> {
    let server = Standalone::start()?;
    let pair = server.token("device")?.pair();
    let two = format!(
        "[{NICE},{}]",
        NICE.replace("18", "9").replace("web01", "web02")
    );
    let post = |path: &str, body: &str| -> Result<String> {
        curl(
            &server,
            &["--user", &pair, "--data", body, &url(&server, path)?],
        )
    };
    assert_eq!(post("/api/put", NICE)?, "204");
    assert_eq!(post("/api/put", &two)?, "204");
    assert_eq!(
        post("/api/put?summary", &two)?,
        r#"{"success":2,"failed":0}200"#
    );
    let bad = NICE
        .replace("18", "\"NaN\"")
        .replace("sys.cpu.nice", "sys.cpu.bad");
    let answer = post("/api/put?details", &bad)?;
    let json = answer.strip_suffix("400").with_context(|| answer.clone())?;
    let json: serde_json::Value = serde_json::from_str(json)?;
    assert_eq!(json["failed"], 1);
    assert_eq!(json["success"], 0);
    assert_eq!(
        json["errors"][0]["error"],
        "Unable to parse value to a number"
    );
    assert_eq!(json["errors"][0]["datapoint"]["value"], "NaN");
    assert_eq!(server.export("sys.cpu.nice")?.len(), 2);
    assert_eq!(server.export("sys.cpu.bad")?, []);
    Ok(())
}

#[test]
fn victoriametrics_points_without_tags_or_timestamp() -> Result<()> {
    let server = Standalone::start()?;
    let pair = server.token("device")?.pair();
    let put = url(&server, "/api/put")?;
    let json = [
        "--user",
        &pair,
        "-H",
        "Content-Type: application/json",
        "-d",
    ];
    let before = now_seconds()?;
    let one = r#"{"metric":"x.y.z","value":45.34,"tags":{"t1":"v1","t2":"v2"}}"#;
    assert_eq!(curl(&server, &[&json[..], &[one, &put]].concat())?, "204");
    let two = r#"[{"metric":"foo","value":45.34},{"metric":"bar","value":43}]"#;
    assert_eq!(curl(&server, &[&json[..], &[two, &put]].concat())?, "204");
    let after = now_seconds()? + 1;

    let reader = server.token("reader")?.pair();
    let export = url(&server, "/api/v1/export")?;
    let matches = [
        "-d",
        "match[]=x.y.z",
        "-d",
        "match[]=foo",
        "-d",
        "match[]=bar",
    ];
    let answer = curl(
        &server,
        &[&["--user", &reader, "-G", &export], &matches[..]].concat(),
    )?;
    let lines = answer.strip_suffix("200").with_context(|| answer.clone())?;
    let stored = penstock_e2e::export::parse(lines)?;
    let names: Vec<String> = stored.iter().map(Series::name).collect();
    assert_eq!(names, ["bar{}", "foo{}", "x.y.z{t1=v1,t2=v2}"]);
    let values: Vec<&str> = stored.iter().flat_map(Series::values).collect();
    assert_eq!(values, ["43", "45.34", "45.34"]);
    let is_now = |time: i64| (before * 1000..=after * 1000).contains(&time);
    assert!(
        stored
            .iter()
            .flat_map(|series| &series.points)
            .all(|(time, _)| is_now(*time))
    );
    Ok(())
}

/// `echo ... | nc -N`: on a listener for plain text, with the token in the tag that these guides lack.
#[test]
fn victoriametrics_and_kairosdb_telnet_by_nc() -> Result<()> {
    let server = Standalone::start()?;
    let pair = server.token("device")?.pair();
    let plain = server.plain().address;
    let script = format!(
        r#"echo "put foo.bar.baz $(date +%s) 123 tag1=value1 tag2=value2 ovh.auth={pair}" | ncat {ip} {port}
        now=$(($(date +%s%N)/1000000))
        echo "put kairos.metric $now 1.5 host=A ovh.auth={pair}" | ncat {ip} {port}"#,
        ip = plain.ip(),
        port = plain.port()
    );
    assert_eq!(Program::new("bash").args(["-ec", &script]).run()?, "");
    let stored = server.export("foo.bar.baz")?;
    assert_eq!(
        stored.iter().map(Series::name).collect::<Vec<_>>(),
        ["foo.bar.baz{tag1=value1,tag2=value2}"]
    );
    assert_eq!(server.export("kairos.metric")?.len(), 1);

    // `match=` without brackets, as the page has it.
    let reader = server.token("reader")?.pair();
    let export = url(&server, "/api/v1/export")?;
    let answer = curl(
        &server,
        &["--user", &reader, "-G", &export, "-d", "match=foo.bar.baz"],
    )?;
    let form = concat!(
        r#"{"metric":{"__name__":"foo.bar.baz","tag1":"value1","tag2":"value2"},"#,
        r#""values":[123],"timestamps":["#
    );
    assert!(answer.starts_with(form), "{answer}");
    assert!(answer.ends_with("000]}\n200"), "{answer}");
    Ok(())
}

/// The rollup page has lost its braces and has a comma for a colon; put back, its bodies are stored.
#[test]
fn opentsdb_rollup_page() -> Result<()> {
    const ONE: &str = r#"{
        "metric": "sys.cpu.nice",
        "timestamp": 1346846400,
        "value": 18,
        "tags": {
           "host": "web01",
           "dc": "lga"
        },
        "interval": "1h",
        "aggregator": "SUM",
        "groupByAggregator": "SUM"
    }"#;
    let server = Standalone::start()?;
    let pair = server.token("device")?.pair();
    let post = |body: &str| -> Result<String> {
        curl(
            &server,
            &[
                "--user",
                &pair,
                "--data",
                body,
                &url(&server, "/api/rollup")?,
            ],
        )
    };
    assert_eq!(post(ONE)?, "204");
    let two = format!(
        "[{ONE},{}]",
        ONE.replace("18", "9").replace("web01", "web02")
    );
    assert_eq!(post(&two)?, "204");
    let as_printed = ONE.replace(
        r#""groupByAggregator": "SUM""#,
        r#""groupByAggregator", "SUM""#,
    );
    let answer = post(&as_printed)?;
    assert!(
        answer.ends_with("400") && answer.contains("Unable to parse the given JSON"),
        "{answer}"
    );

    assert_eq!(
        server.export("sys.cpu.nice")?,
        [],
        "rollups are no raw data"
    );
    let stored = server.export(r#"sys.cpu.nice{__interval__="1h"}"#)?;
    assert_eq!(
        stored.iter().flat_map(Series::values).collect::<Vec<_>>(),
        ["18", "9"]
    );
    for series in &stored {
        let label = |name: &str| series.tags.get(name).map(|value| value.to_lowercase());
        assert_eq!(label("__interval__").as_deref(), Some("1h"));
        assert_eq!(label("__aggregator__").as_deref(), Some("sum"));
        assert_eq!(label("__group_by__").as_deref(), Some("sum"));
    }
    Ok(())
}
