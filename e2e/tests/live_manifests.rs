//! Manifests changed while the server runs take effect; broken ones are reported and change nothing.

use anyhow::{Context, Result, ensure};
use penstock_e2e::{Http, Standalone, Telnet, Token, wait};

/// Puts a point of `metric` on an open session, tagged with the number of the try, until `look` is content.
fn put_until<T>(
    session: &mut Telnet,
    metric: &str,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let mut number = 0;
    wait::until(&format!("a change is seen through {metric}"), || {
        session.send(&format!(
            "put {metric} {} 1 n={number}\n",
            1_760_000_000 + number
        ))?;
        number += 1;
        look()
    })
}

#[test]
fn changed_tags_hold_from_the_next_point_on_without_a_new_connection() -> Result<()> {
    let server = Standalone::start()?;
    let mut session = Telnet::login(&server.tls()?, &server.token("device")?)?;
    session.send("put before 1760000000 1 a=b\n")?;
    server
        .manifests()
        .write_token("device", "plant", "tags: {line: two}")?;
    put_until(&mut session, "after", || {
        Ok((!server.export(r#"after{line="two"}"#)?.is_empty()).then_some(()))
    })?;
    // The very series that was written without the tag gets it too.
    session.send("put before 1760000001 2 a=b\n")?;
    assert_eq!(session.finish()?, "");
    let stored = server.export("before")?;
    let names: Vec<String> = stored.iter().map(penstock_e2e::Series::name).collect();
    assert_eq!(names, ["before{a=b}", "before{a=b,line=two}"]);
    Ok(())
}

#[test]
fn a_changed_profile_and_character_set_hold_for_new_series() -> Result<()> {
    let server = Standalone::start()?;
    let authorization = server.token("device")?.basic();
    let post = |body: &str| Http::connect(&server.tls()?)?.post("/api/put", &authorization, body);
    let (bare, odd) = (
        r#"{"metric":"bare","value":1}"#,
        r#"{"metric":"a b","value":1,"tags":{"k":"v"}}"#,
    );
    assert_eq!(post(bare)?.status, 204);
    assert_eq!(post(odd)?.status, 400);
    server
        .manifests()
        .application("plant", "profile: OpenTSDB, charset: Any")?;
    wait::until("the profile holds", || {
        Ok((post(bare)?.status == 400).then_some(()))
    })?;
    let odd = odd.replace(r#""value""#, r#""timestamp":1760000000,"value""#);
    assert_eq!(post(&odd)?.status, 204);
    Ok(())
}

#[test]
fn a_revoked_token_is_cut_in_mid_connection() -> Result<()> {
    let server = Standalone::start()?;
    let device = server.token("device")?;
    let mut session = Telnet::login(&server.tls()?, &device)?;
    session.send("put kept 1760000000 1 a=b\nversion\n")?;
    ensure!(!session.line()?.is_empty(), "no answer to version");
    server
        .manifests()
        .write_token("device", "plant", "state: Revoked")?;
    // Nothing more is sent: the server cuts by itself.
    session.read_to_close().or_else(|error| {
        let is_cut = error.downcast_ref::<std::io::Error>().is_some();
        if is_cut {
            Ok(String::new())
        } else {
            Err(error)
        }
    })?;
    let answer = Http::connect(&server.tls()?)?.post(
        "/api/put",
        &device.basic(),
        r#"{"metric":"m","value":1}"#,
    )?;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(server.export("kept")?.len(), 1);
    Ok(())
}

#[test]
fn a_new_application_and_token_work_and_keep_their_key() -> Result<()> {
    let mut server = Standalone::start()?;
    server.manifests().application("annex", "")?;
    server
        .manifests()
        .write_token("annex-device", "annex", "")?;
    let token = server.token("annex-device")?;
    let post = |server: &Standalone, token: &Token| {
        Http::connect(&server.tls()?)?.post(
            "/api/put",
            &token.basic(),
            r#"{"metric":"m","value":1}"#,
        )
    };
    // The file stands before the ledger that knows its key: one more moment.
    wait::until("the new key works", || {
        Ok((post(&server, &token)?.status == 204).then_some(()))
    })?;
    ensure!(server.stop()?.success(), "no clean stop");
    server.start_again()?;
    assert_eq!(server.token("annex-device")?, token);
    assert_eq!(post(&server, &token)?.status, 204);
    Ok(())
}

const DEVICE: &str = "apiVersion: penstock.dev/v1alpha1\nkind: WriteToken\n\
    metadata: {name: device, namespace: default}\nspec:\n  applicationRef: {name: plant}\n";

#[test]
fn a_broken_manifest_is_reported_with_file_line_and_field_and_changes_nothing() -> Result<()> {
    let server = Standalone::start()?;
    let authorization = server.token("device")?.basic();
    let works = || -> Result<()> {
        let body = r#"{"metric":"m","value":1}"#;
        let answer = Http::connect(&server.tls()?)?.post("/api/put", &authorization, body)?;
        ensure!(answer.status == 204, "{}", answer.text());
        Ok(())
    };
    let with = |more: &str| format!("{DEVICE}{more}").into_bytes();
    let mut latin1 = with("  tags: {city: p");
    latin1.extend_from_slice(b"\xe9rou}\n");
    let stray = b"apiVersion: penstock.dev/v1alpha1\nkind: Kettle\n".to_vec();
    let file = "writetoken-device.yaml";
    for (file, text, line, field, said) in [
        (
            file,
            with("  colour: red\n"),
            6,
            Some("spec.colour"),
            "unknown",
        ),
        (
            file,
            with("  state: Sleepy\n"),
            6,
            Some("spec.state"),
            "Sleepy",
        ),
        (
            file,
            with("  tags: [\n"),
            7,
            Some("spec.tags[0]"),
            "line 7 column 1",
        ),
        (
            file,
            with("  applicationRef: {}\n"),
            6,
            Some("spec.applicationRef"),
            "duplicate",
        ),
        (
            file,
            latin1,
            6,
            Some("spec.tags.city"),
            "is not UTF-8 at line 6 column 17",
        ),
        (file, Vec::new(), 1, None, "is empty"),
        ("stray.yaml", stray, 2, Some("kind"), "Kettle"),
    ] {
        let printed = server.log().len();
        server.manifests().file(file, &text)?;
        let report = report_of(&server, printed, file)?;
        assert_eq!(
            (report["line"].as_u64(), report["field"].as_str()),
            (Some(line), field),
            "{report}"
        );
        ensure!(
            report["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains(said)),
            "{report}"
        );
        works()?;
    }
    Ok(())
}

/// What is logged of a file's fault, from here in the log on.
fn report_of(server: &Standalone, from: usize, file: &str) -> Result<serde_json::Value> {
    wait::until(&format!("a fault of {file} is reported"), || {
        let log = server.log();
        let fresh = log.get(from..).unwrap_or_default().lines();
        let mut reports =
            fresh.filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        Ok(reports.find(|report| {
            report["file"]
                .as_str()
                .is_some_and(|path| path.ends_with(file))
        }))
    })
    .with_context(|| server.log())
}

#[test]
fn a_removed_key_file_asks_for_a_new_key() -> Result<()> {
    let server = Standalone::start()?;
    let old = server.token("device")?;
    let post = |token: &Token| {
        let body = r#"{"metric":"m","value":1}"#;
        Http::connect(&server.tls()?)?.post("/api/put", &token.basic(), body)
    };
    assert_eq!(post(&old)?.status, 204);
    std::fs::remove_file(server.data().join("secrets/default/device/key"))?;
    let new = wait::until("a new key stands there", || {
        let token = server.token("device")?;
        Ok((token.basic() != old.basic()).then_some(token))
    })?;
    assert_eq!(post(&new)?.status, 204);
    assert_eq!(post(&old)?.status, 401);
    Ok(())
}
