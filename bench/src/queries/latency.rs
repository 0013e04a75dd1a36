//! Answer times of puts, alone and beside clients that ask for everything without a pause.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use penstock_e2e::Token;

use super::asked::Asked;
use super::data::START_SECONDS;
use super::question::{self, Question};

/// Puts whose answer times are taken, and points of each.
const PUTS: u64 = 2_000;
const POINTS: u64 = 100;
/// Clients that ask, a connection each.
const CLIENTS: [usize; 3] = [0, 1, 4];

/// Measures, and gives a table.
///
/// # Errors
/// When the server refuses something.
pub(super) fn measure(server: &Asked, writer: &Token) -> Result<String> {
    let heavy = question::of_a_day();
    let heavy = heavy
        .iter()
        .find(|question| question.title.starts_with("1,000 series, 24 h"));
    let heavy = heavy.context("a heavy question")?;
    let mut table = format!(
        "| puts of {POINTS} points beside clients that ask for \"{}\" | p50 | p99 | most |\n|---|---|---|---|\n",
        heavy.title
    );
    for (number, clients) in (0..).zip(CLIENTS) {
        let times = beside(server, writer, heavy, (number, clients))?;
        let at = |place: usize| times.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3;
        let (half, most) = (at(times.len() / 2), at(times.len().saturating_sub(1)));
        let p99 = at(times.len() * 99 / 100);
        writeln!(
            table,
            "| {clients} | {half:.2} ms | {p99:.2} ms | {most:.2} ms |"
        )?;
    }
    Ok(table)
}

fn beside(
    server: &Asked,
    writer: &Token,
    heavy: &Question,
    (number, clients): (u64, usize),
) -> Result<Vec<Duration>> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = || -> Result<()> {
            let mut http = server.connect()?;
            while !stop.load(Ordering::Relaxed) {
                server.ask(&mut http, &heavy.ours)?;
            }
            Ok(())
        };
        let asking: Vec<_> = (0..clients).map(|_| scope.spawn(asking)).collect();
        let times = puts(server, writer, number);
        stop.store(true, Ordering::Relaxed);
        for client in asking {
            client.join().ok().context("a client panicked")??;
        }
        times
    })
}

/// Answer times, ascending.
fn puts(server: &Asked, writer: &Token, number: u64) -> Result<Vec<Duration>> {
    let mut http = server.connect()?;
    let authorization = writer.basic();
    let mut times = Vec::new();
    for put in 0..PUTS {
        let seconds = START_SECONDS + 86_400 + number * PUTS + put;
        let body = body(seconds);
        let start = Instant::now();
        let answer = http.post("/api/put", &authorization, &body)?;
        times.push(start.elapsed());
        ensure!(answer.status == 204, "{} {}", answer.status, answer.text());
    }
    times.sort_unstable();
    Ok(times)
}

fn body(seconds: u64) -> String {
    let points: Vec<String> = (0..POINTS)
        .map(|series| {
            format!(
                r#"{{"metric":"beside","timestamp":{seconds},"value":{series},"tags":{{"host":"host_{series}"}}}}"#
            )
        })
        .collect();
    format!("[{}]", points.join(","))
}
