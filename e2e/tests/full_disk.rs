//! A full disk is back-pressure: 503 with Retry-After, nothing lost, and the server recovers by itself.
//!
//! The data directory is a small file system in a mount namespace of the server's own, seen from outside
//! through /proc/PID/root.

use anyhow::{Context, Result, ensure};
use penstock_e2e::{Http, Response, Setup, Standalone, wait};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const SIZE: &str = "400m";

/// Mounts, then becomes the server.
const SCRIPT: &str = r#"mount -t tmpfs -o size="$0" penstock "$1" && shift && exec "$@""#;

/// Fills the file system to its last page.
fn fill(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    let pages = vec![0_u8; 1 << 20];
    while file.write_all(&pages).is_ok() {}
    Ok(())
}

fn put(http: &mut Http, authorization: &str, number: u64) -> Result<Response> {
    let body = format!(
        r#"{{"metric":"full","timestamp":{},"value":{number},"tags":{{"a":"b"}}}}"#,
        1_760_000_000 + number
    );
    http.post("/api/put", authorization, &body)
}

#[test]
fn a_full_disk_answers_503_and_recovers() -> Result<()> {
    let mount = tempfile_folder()?;
    let wrapper = ["unshare", "--mount", "sh", "-c", SCRIPT, SIZE].map(Into::into);
    let mut setup = Setup {
        wrapper: wrapper.to_vec(),
        ..Setup::default()
    };
    setup.wrapper.push(mount.path().into());
    setup.data = Some(mount.path().to_owned());
    let mut server = Standalone::prepare(setup)?;
    server.launch()?;
    let root = PathBuf::from(format!("/proc/{}/root", server.process()?.id()));
    let inside = root.join(mount.path().strip_prefix("/")?);
    server.see_data_at(&inside);
    server.wait_ready()?;

    let authorization = server.token("device")?.basic();
    let mut http = Http::connect(&server.tls()?)?;
    let mut stored = 0;
    ensure!(
        put(&mut http, &authorization, stored)?.status == 204,
        "not even the first"
    );
    stored += 1;

    let filler = inside.join("filler");
    fill(&filler)?;
    let refusal = wait::until("the full disk is noticed", || {
        let answer = put(&mut http, &authorization, stored)?;
        stored += u64::from(answer.status == 204);
        Ok((answer.status != 204).then_some(answer))
    })?;
    ensure!(
        refusal.status == 503,
        "{} {}",
        refusal.status,
        refusal.text()
    );
    let seconds = refusal.header("retry-after").context("no Retry-After")?;
    ensure!(seconds.parse::<u32>().is_ok(), "Retry-After: {seconds}");
    ensure!(
        refusal.json()?["error"]["code"] == 503,
        "{}",
        refusal.text()
    );

    fs::remove_file(&filler)?;
    wait::until("the server takes points again", || {
        let answer = put(&mut http, &authorization, stored)?;
        stored += u64::from(answer.status == 204);
        Ok((answer.status == 204).then_some(()))
    })?;
    let points = server
        .export("full")?
        .into_iter()
        .flat_map(|series| series.points)
        .count();
    ensure!(
        u64::try_from(points)? == stored,
        "{stored} acknowledged, {points} there"
    );
    Ok(())
}

fn tempfile_folder() -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new()
        .prefix("penstock-disk-")
        .tempdir()?)
}
