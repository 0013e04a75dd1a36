//! TLS as clients meet it: versions 1.2 and 1.3, the server's own authority, HTTP/2 where it is asked for.

use anyhow::{Context, Result, ensure};
use penstock_e2e::{Program, Standalone, Telnet};

#[test]
fn tls_1_2_and_1_3_are_served_and_older_ones_refused() -> Result<()> {
    let server = Standalone::start()?;
    let (address, ca) = (server.tls()?.address.to_string(), server.ca());
    let s_client = |version: &str| {
        Program::new("openssl")
            .args([
                "s_client",
                "-quiet",
                "-verify_return_error",
                version,
                "-connect",
                &address,
                "-CAfile",
            ])
            .args([&ca])
            .input("version\nexit\n")
            .output()
    };
    for version in ["-tls1_2", "-tls1_3"] {
        let output = s_client(version)?;
        ensure!(
            output.status.success() && !output.stdout.is_empty(),
            "{version}: {output:?}"
        );
    }
    ensure!(s_client("-tls1_1")?.stdout.is_empty(), "TLS 1.1 is served");
    Ok(())
}

#[test]
fn a_client_that_does_not_know_the_authority_refuses() -> Result<()> {
    let server = Standalone::start()?;
    let url = format!("https://{}/api/version", server.tls()?.address);
    let output = Program::new("curl")
        .args(["--silent", "--show-error", &url])
        .output()?;
    ensure!(!output.status.success(), "curl trusts anybody");
    Ok(())
}

#[test]
fn http_1_1_and_2_give_the_same_answers() -> Result<()> {
    let server = Standalone::start()?;
    let pair = server.token("device")?.pair();
    let url = format!("https://{}/api/put?summary", server.tls()?.address);
    let body = r#"[{"metric":"m","timestamp":1760000000,"value":1},{"metric":"m"}]"#;
    let ask = |version: &str| -> Result<String> {
        Program::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--write-out",
                " %{http_code} %{http_version}",
            ])
            .args([version, "--user", &pair, "--data", body, &url, "--cacert"])
            .args([server.ca()])
            .run()
    };
    let (one, two) = (ask("--http1.1")?, ask("--http2")?);
    let one = one.strip_suffix(" 1.1").with_context(|| one.clone())?;
    let two = two.strip_suffix(" 2").with_context(|| two.clone())?;
    assert_eq!(one, r#"{"success":1,"failed":1} 400"#);
    assert_eq!(one, two);
    Ok(())
}

/// A body that nobody wants must not cost curl the answer: it forgets one whose stream is reset.
#[test]
fn an_answer_to_an_unwanted_body_arrives_over_http_2() -> Result<()> {
    let server = Standalone::start()?;
    let body = server.scratch("body");
    std::fs::write(&body, "x".repeat(300_000))?;
    let data = format!("@{}", body.display());
    for (path, status) in [
        ("/api/nothing", "404"),
        ("/api/suggest", "401"),
        ("/api/version", "200"),
    ] {
        let url = format!("https://{}{path}", server.tls()?.address);
        let answer = Program::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--http2",
                "--output",
                "/dev/null",
            ])
            .args(["--write-out", "%{http_code} %{http_version}", "--cacert"])
            .args([&server.ca()])
            .args(["--data-binary", &data, &url])
            .run()?;
        ensure!(answer == format!("{status} 2"), "{path}: {answer}");
    }
    Ok(())
}

#[test]
fn a_damaged_certificate_of_the_last_run_is_told_and_made_anew() -> Result<()> {
    let mut server = Standalone::start()?;
    for file in ["tls.crt", "tls.key"] {
        server.kill()?;
        let path = server.data().join("tls").join(file);
        let mut pem = std::fs::read(&path)?;
        let middle = pem.len() / 2;
        let letter = pem.iter_mut().skip(middle).find(|byte| **byte != b'\n');
        *letter.context("an empty file")? ^= 2;
        std::fs::write(&path, pem)?;
        let printed = server.log().len();
        server.start_again()?;
        let log = server.log();
        let told = log.get(printed..).unwrap_or_default();
        ensure!(
            told.contains(&format!("\"error\":\"{file} is damaged")),
            "{told}"
        );
        // Its clients notice nothing.
        Telnet::login(&server.tls()?, &server.token("device")?)?.finish()?;
    }
    server.kill()?;
    let printed = server.log().len();
    server.start_again()?;
    let log = server.log();
    assert_eq!(
        log.get(printed..).map(|told| told.contains("damaged")),
        Some(false)
    );
    Ok(())
}
