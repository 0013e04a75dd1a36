//! A flipped byte in any file of the store is reported at start or read, and never becomes a wrong value.

use anyhow::{Context, Result, ensure};
use penstock_e2e::{Http, Random, Series, Setup, Standalone, Telnet, wait};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// Offsets tried in each file, besides its first and last byte.
const OFFSETS: u64 = 4;

/// Past this a log segment of this story is still empty, and a flipped byte there means nothing.
const USED_BYTES_MAX: u64 = 64 << 10;

/// Files that hold no bytes of the store: the lock is empty, keys and certificates have their own guards.
const FOLDERS: [&str; 4] = ["manifest", "series", "blocks", "wal"];

fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let list = if path.is_dir() {
                &mut folders
            } else {
                &mut files
            };
            list.push(path);
        }
    }
    files.retain(|path| {
        let within = path.strip_prefix(folder).unwrap_or(path);
        within
            .components()
            .any(|part| FOLDERS.iter().any(|name| part.as_os_str() == *name))
    });
    files.sort();
    Ok(files)
}

/// Some days and series in blocks after a clean stop, some more in the log after a kill.
fn fill(server: &mut Standalone) -> Result<Vec<Series>> {
    put(server, "flip.block", 5_000)?;
    ensure!(server.stop()?.success(), "no clean stop: {}", server.log());
    server.start_again()?;
    put(server, "flip.log", 2_000)?;
    put(server, "flip.last", 100)?;
    let stored = server.export(r#"{__name__=~"flip.*"}"#)?;
    server.kill()?;
    Ok(stored)
}

fn put(server: &Standalone, metric: &str, points: u64) -> Result<()> {
    let mut session = Telnet::login(&server.tls()?, &server.token("device")?)?;
    let mut lines = String::new();
    for number in 0..points {
        let time = 1_760_000_000 + number * 60;
        writeln!(
            lines,
            "put {metric}.{} {time} {number}.25 host=h{}",
            number % 3,
            number % 11
        )?;
    }
    session.send(&lines)?;
    assert_eq!(session.finish()?, "");
    Ok(())
}

fn flip(path: &Path, offset: u64) -> Result<()> {
    let mut bytes = fs::read(path)?;
    let byte = bytes
        .get_mut(usize::try_from(offset)?)
        .context("offset in the file")?;
    *byte ^= 0x10;
    Ok(fs::write(path, bytes)?)
}

/// Every series and point that is shown is a true one.
fn is_part_of(shown: &[Series], whole: &[Series]) -> bool {
    shown.iter().all(|series| {
        let truth = whole.iter().find(|other| other.name() == series.name());
        truth.is_some_and(|truth| {
            series
                .points
                .iter()
                .all(|point| truth.points.contains(point))
        })
    })
}

#[test]
fn a_flipped_byte_is_reported_and_never_a_wrong_value() -> Result<()> {
    let mut server = Standalone::start()?;
    let whole = fill(&mut server)?;
    let original = server.data().to_owned();
    let mut random = Random::new(7);
    let files = files_of(&original)?;
    ensure!(files.len() >= 4, "the store has only {files:?}");
    let mut flips = Vec::new();
    for file in files {
        let length = fs::metadata(&file)?.len();
        let within = file.strip_prefix(&original)?.to_owned();
        let mut offsets: Vec<u64> = (0..OFFSETS)
            .map(|_| random.below(length.min(USED_BYTES_MAX)))
            .collect();
        offsets.extend([0, length.saturating_sub(1)]);
        offsets.retain(|offset| *offset < length);
        flips.push((within, offsets));
    }
    // A file at a time would mostly wait for the disk.
    thread::scope(|scope| {
        let (original, whole) = (&original, &whole);
        let check_file = |(within, offsets): (PathBuf, Vec<u64>)| {
            scope.spawn(move || check_all(original, &within, &offsets, whole))
        };
        let checks: Vec<_> = flips.into_iter().map(check_file).collect();
        checks
            .into_iter()
            .try_for_each(|check| check.join().ok().context("a check panicked")?)
    })
}

fn check_all(original: &Path, within: &Path, offsets: &[u64], whole: &[Series]) -> Result<()> {
    for offset in offsets {
        check(original, within, *offset, whole)
            .with_context(|| format!("{} at {offset}", within.display()))?;
    }
    Ok(())
}

fn check(original: &Path, within: &Path, offset: u64, whole: &[Series]) -> Result<()> {
    let copy = tempfile::Builder::new()
        .prefix("penstock-flip-")
        .tempdir()?;
    let data = copy.path().join("data");
    penstock_e2e::Program::new("cp")
        .args([
            "-a".as_ref(),
            "--sparse=always".as_ref(),
            original.as_os_str(),
            data.as_os_str(),
        ])
        .run()?;
    flip(&data.join(within), offset)?;
    let mut server = Standalone::prepare(Setup {
        data: Some(data),
        ..Setup::default()
    })?;
    server.launch()?;
    if !starts(&mut server)? {
        ensure!(
            server.log().len() > 20,
            "it refused to start without a word"
        );
        return Ok(());
    }
    let reader = server.token("reader")?.basic();
    let path = "/api/v1/export?start=0&end=9999999999&match[]=%7B__name__%3D~%22flip.*%22%7D";
    let answer = Http::connect(&server.tls()?)?.get(path, &reader);
    let Ok(answer) = answer else { return Ok(()) };
    if answer.status != 200 {
        return Ok(());
    }
    let shown = penstock_e2e::export::parse(&answer.text())?;
    ensure!(is_part_of(&shown, whole), "a wrong value is shown");
    let is_whole = shown.len() == whole.len() && is_part_of(whole, &shown);
    ensure!(
        is_whole || is_reported(&server.log()),
        "points are missing without a word"
    );
    Ok(())
}

/// Ready, or ended with a failure.
fn starts(server: &mut Standalone) -> Result<bool> {
    let admin = server.admin();
    wait::until("the server is ready or has given up", || {
        if let Some(status) = server.process()?.ended()? {
            ensure!(!status.success(), "it ended as if nothing was wrong");
            return Ok(Some(false));
        }
        let Ok(mut http) = Http::connect(&admin) else {
            return Ok(None);
        };
        Ok(http
            .request("GET", "/readyz", &[], b"")
            .is_ok_and(|answer| answer.status == 200)
            .then_some(true))
    })
}

fn is_reported(log: &str) -> bool {
    let is_loud = [r#""level":"WARN""#, r#""level":"ERROR""#]
        .iter()
        .any(|level| log.contains(level));
    // The one flipped byte that cannot be told from a torn write: the last group of the log.
    let is_torn_tail = log.contains("torn_tail_bytes: ") && !log.contains("torn_tail_bytes: 0,");
    is_loud || is_torn_tail
}
