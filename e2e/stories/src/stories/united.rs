//! One query over three pods. Every pod answers alone with what all have; while one is away the others say which, and give
//! no part for the whole; and when one dies in the midst of an answer, that answer has no end.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::Penstock;
use crate::reach::Reach;
use anyhow::{Context, Result, ensure};
use penstock_e2e::{Http, Response, Stream, Telnet, Token, wait};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Read;

/// So many that an answer fits into no socket buffers on its way, of which each connection has up to 10 MB.
const POINTS: u64 = 2_000_000;
const POINTS_A_WRITE: u64 = 10_000;
const FIRST_SECOND: u64 = 1_600_000_000;

/// It begins days before the first point: a downsampled day that begins before the range is no part of an answer.
const RANGE: &str = "start=1599000000&end=1700000000";

/// The pod that has them.
const BIG: &str = "penstock-ingest-1";
const LAST: &str = "penstock-ingest-2";

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;
    let unlimited = json!({"spec": {"limits": {"pointsPerSecond": 0}}});
    penstock.patch(Kind::Application, "greenhouse", &unlimited)?;
    penstock.wait_condition(Kind::Application, "greenhouse", "Ready", "True")?;
    let (device, dashboard) = (penstock.token("device")?, penstock.token("dashboard")?);
    let pods = penstock.each_pod()?;
    let mut points = 0;
    for pod in &pods {
        let count = if pod.name() == BIG { POINTS } else { 1 };
        fill(pod, &device, FIRST_SECOND + points, count)?;
        points += count;
    }
    for pod in &pods {
        let counted = count(pod, &dashboard)?;
        ensure!(
            counted == points,
            "{} counts {counted} points of {points}",
            pod.name()
        );
    }

    dies_in_mid_answer(&penstock, &dashboard)?;
    penstock.wait_pods(3)?;
    is_away(&penstock, &dashboard)?;
    penstock.wait_pods(3)?;
    for pod in penstock.each_pod()? {
        let name = pod.name();
        wait::until(&format!("{name} answers with everything again"), || {
            let counted = count(&pod, &dashboard).ok();
            Ok((counted == Some(points)).then_some(()))
        })?;
    }
    Ok(())
}

/// One series, a point a second, over telnet.
fn fill(pod: &Reach, token: &Token, first: u64, count: u64) -> Result<()> {
    let mut session = Telnet::login(pod.endpoint(), token)?;
    let mut lines = String::new();
    for second in first..first + count {
        // Digits make an answer long.
        writeln!(lines, "put united {second} 0.1234567{second} by=story")?;
        if (second - first + 1).is_multiple_of(POINTS_A_WRITE) {
            session.send(&lines)?;
            lines.clear();
        }
    }
    session.send(&lines)?;
    let complaint = session.finish()?;
    ensure!(complaint.is_empty(), "{}: {complaint}", pod.name());
    Ok(())
}

fn query(pod: &Reach, token: &Token, sub_query: &str) -> Result<Response> {
    let path = format!("/api/query?{RANGE}&m={sub_query}");
    Http::connect(pod.endpoint())?.get(&path, &token.basic())
}

/// How many points the answer of a pod stands for.
fn count(pod: &Reach, token: &Token) -> Result<u64> {
    let answer = query(pod, token, "sum:1d-count:united")?;
    ensure!(
        answer.status == 200,
        "{}: {} {}",
        pod.name(),
        answer.status,
        answer.text()
    );
    let results = answer.json()?;
    let days = results[0]["dps"]
        .as_object()
        .context("an answer has points")?;
    // Sums of counts are printed as doubles.
    let sum: f64 = days.values().filter_map(Value::as_f64).sum();
    Ok(format!("{sum:.0}").parse()?)
}

/// The client reads the beginning, the pod with the data dies, the client reads on.
fn dies_in_mid_answer(penstock: &Penstock<'_>, dashboard: &Token) -> Result<()> {
    let pods = penstock.each_pod()?;
    let asked = pods.first().context("a pod")?;
    let mut http = Http::connect(asked.endpoint())?;
    let path = format!("/api/query?{RANGE}&m=sum:united");
    http.send_head("GET", &path, &[("Authorization", &dashboard.basic())])?;
    let mut answer = http.into_stream();
    let mut begin = [0; 15];
    answer.read_exact(&mut begin)?;
    ensure!(
        begin == *b"HTTP/1.1 200 OK",
        "{}",
        String::from_utf8_lossy(&begin)
    );
    penstock.kill(BIG)?;
    let (bytes, is_whole) = read_on(&mut answer);
    ensure!(
        !is_whole,
        "a part of the data, {bytes} bytes, was given for the whole"
    );
    println!("figure: a pod died in mid-answer: {bytes} bytes, then the connection broke");
    Ok(())
}

/// Reads until the answer ends, one way or the other; says whether it ended as a whole one does.
fn read_on(answer: &mut Stream) -> (usize, bool) {
    const END: &[u8] = b"\r\n0\r\n\r\n";
    let mut buffer = vec![0; 1 << 16];
    let (mut bytes, mut tail) = (0, Vec::new());
    loop {
        let Ok(read) = answer.read(&mut buffer) else {
            return (bytes, false);
        };
        if read == 0 {
            return (bytes, false);
        }
        bytes += read;
        tail.extend_from_slice(buffer.get(..read).unwrap_or_default());
        tail.drain(..tail.len().saturating_sub(END.len()));
        if tail == END {
            return (bytes, true);
        }
    }
}

/// The volume is there, and its pod is not.
fn is_away(penstock: &Penstock<'_>, dashboard: &Token) -> Result<()> {
    penstock.patch(
        Kind::StatefulSet,
        "penstock-ingest",
        &json!({"spec": {"replicas": 2}}),
    )?;
    penstock.wait_pods(2)?;
    for pod in penstock.each_pod()? {
        for sub_query in ["sum:united", "sum:1d-count:united"] {
            let answer = query(&pod, dashboard, sub_query)?;
            let told = answer.text();
            ensure!(
                answer.status == 503,
                "{} answers {} without {LAST}",
                pod.name(),
                answer.status
            );
            ensure!(
                told.contains(LAST),
                "{} does not name {LAST}: {told}",
                pod.name()
            );
            ensure!(answer.header("retry-after").is_some(), "no Retry-After");
        }
    }
    penstock.patch(
        Kind::StatefulSet,
        "penstock-ingest",
        &json!({"spec": {"replicas": 3}}),
    )?;
    Ok(())
}
