//! kill -9 at random moments under load: nothing acknowledged is lost, nothing is invented.
//!
//! Six connections push numbered points, three by HTTP, three by telnet. Point `n` of a connection has a time
//! and a value that follow from `n`, so what is stored tells by itself whether it was ever sent. After each kill
//! the server starts again on the same data, and every point of every round so far is compared.
//!
//! `PENSTOCK_KILL_ROUNDS` sets the rounds, `PENSTOCK_SEED` replays a run.

use anyhow::{Context, Result, bail, ensure};
use penstock_e2e::{Endpoint, Http, Random, Standalone, Telnet, Token, wait};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const CONNECTIONS: u64 = 6;

/// Milliseconds of the first point; the others follow one by one.
const START: u64 = 1_760_000_000_000;

/// Acknowledgements after which a round's kill falls due, at most.
const ACKNOWLEDGEMENTS_MAX: u64 = 60;

/// What one connection of one round has to show.
#[derive(Debug, Default)]
struct Tally {
    metric: String,
    /// Points that may have reached the server.
    sent: AtomicU64,
    /// Points, from the first, that the server has acknowledged.
    acknowledged: AtomicU64,
}

/// The value of a point follows from its number; other connections have other values.
fn value_of(metric: &str, number: u64) -> u64 {
    let seed = metric
        .bytes()
        .fold(number, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte));
    Random::new(seed).below(1 << 62)
}

fn rounds() -> u64 {
    std::env::var("PENSTOCK_KILL_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20)
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented() -> Result<()> {
    let seed = Random::seed();
    let mut random = Random::new(seed);
    let mut server = Standalone::start()?;
    let mut history = Vec::new();
    for round in 0..rounds() {
        let context = || format!("seed {seed}, round {round}");
        history.extend(push_and_kill(&mut server, round, &mut random).with_context(context)?);
        server.start_again().with_context(context)?;
        check(&server, &history).with_context(context)?;
    }
    let all: u64 = history
        .iter()
        .map(|tally| tally.acknowledged.load(Ordering::Relaxed))
        .sum();
    ensure!(all > 0, "seed {seed}: no round acknowledged anything");
    Ok(())
}

fn push_and_kill(server: &mut Standalone, round: u64, random: &mut Random) -> Result<Vec<Tally>> {
    let (tls, token) = (server.tls()?, server.token("device")?);
    let answers = AtomicU64::new(0);
    let due = 1 + random.below(ACKNOWLEDGEMENTS_MAX);
    let tallies: Vec<Tally> = (0..CONNECTIONS)
        .map(|index| Tally {
            metric: format!("kill.r{round}.c{index}"),
            ..Tally::default()
        })
        .collect();
    thread::scope(|scope| {
        for (index, tally) in (0_u64..).zip(&tallies) {
            let (tls, token, answers) = (&tls, &token, &answers);
            let random = Random::new(random.draw());
            // A pusher ends with the error that the kill causes; what it has seen stands in its tally.
            scope.spawn(move || {
                drop(if index % 2 == 0 {
                    push_http(tls, token, tally, answers, random)
                } else {
                    push_telnet(tls, token, tally, answers, random)
                });
            });
        }
        let enough = wait::until("enough is acknowledged", || {
            Ok((answers.load(Ordering::Relaxed) >= due).then_some(()))
        });
        // Kill in any case, or the pushers would never end.
        server.kill()?;
        enough
    })?;
    Ok(tallies)
}

fn push_http(
    tls: &Endpoint,
    token: &Token,
    tally: &Tally,
    answers: &AtomicU64,
    mut random: Random,
) -> Result<()> {
    let mut http = Http::connect(tls)?;
    let mut next = 0;
    loop {
        let end = next + 1 + random.below(200);
        let point = |number| {
            let (metric, time, value) = (
                &tally.metric,
                START + number,
                value_of(&tally.metric, number),
            );
            format!(
                r#"{{"metric":"{metric}","timestamp":{time},"value":{value},"tags":{{"a":"b"}}}}"#
            )
        };
        let body: Vec<String> = (next..end).map(point).collect();
        tally.sent.store(end, Ordering::SeqCst);
        let answer = http.post("/api/put", &token.basic(), &format!("[{}]", body.join(",")))?;
        ensure!(answer.status == 204, "{} {}", answer.status, answer.text());
        tally.acknowledged.store(end, Ordering::SeqCst);
        answers.fetch_add(1, Ordering::Relaxed);
        next = end;
    }
}

/// Telnet acknowledges by a clean close, and by the answer to `version`: each about every other time.
fn push_telnet(
    tls: &Endpoint,
    token: &Token,
    tally: &Tally,
    answers: &AtomicU64,
    mut random: Random,
) -> Result<()> {
    let mut session = Telnet::login(tls, token)?;
    let mut next = 0;
    loop {
        let end = next + 1 + random.below(500);
        let mut lines = String::new();
        for number in next..end {
            let (metric, time, value) = (
                &tally.metric,
                START + number,
                value_of(&tally.metric, number),
            );
            writeln!(lines, "put {metric} {time} {value} a=b")?;
        }
        tally.sent.store(end, Ordering::SeqCst);
        session.send(&lines)?;
        if random.below(2) == 0 {
            session.send("version\n")?;
            ensure!(session.line()?.ends_with('\n'), "no answer to version");
        } else {
            let complaint = session.finish()?;
            ensure!(complaint.is_empty(), "{complaint}");
            tally.acknowledged.store(end, Ordering::SeqCst);
            session = Telnet::login(tls, token)?;
        }
        tally.acknowledged.store(end, Ordering::SeqCst);
        answers.fetch_add(1, Ordering::Relaxed);
        next = end;
    }
}

fn check(server: &Standalone, history: &[Tally]) -> Result<()> {
    let mut stored = server.export(r#"{__name__=~"kill.*"}"#)?;
    for tally in history {
        let sent = tally.sent.load(Ordering::SeqCst);
        let acknowledged = tally.acknowledged.load(Ordering::SeqCst);
        let of_tally = stored
            .iter()
            .position(|series| series.metric == tally.metric);
        let points = of_tally
            .map(|index| stored.swap_remove(index).points)
            .unwrap_or_default();
        for (time, value) in &points {
            let number = u64::try_from(*time)?
                .checked_sub(START)
                .context("a time before the first")?;
            let metric = &tally.metric;
            ensure!(
                number < sent,
                "{metric} point {number} was never sent, {sent} were"
            );
            ensure!(
                *value == value_of(metric, number).to_string(),
                "{metric} point {number} is {value}"
            );
        }
        // Numbers are distinct and below `sent`: the acknowledged ones are all there if the first so many are.
        let held = points.iter().take_while({
            let mut next = i64::try_from(START)?;
            move |(time, _)| {
                let expected = next;
                next += 1;
                *time == expected
            }
        });
        let held = u64::try_from(held.count())?;
        if held < acknowledged {
            bail!(
                "{}: {acknowledged} acknowledged, only the first {held} are there",
                tally.metric
            );
        }
    }
    ensure!(
        stored.is_empty(),
        "nobody sent {}",
        stored
            .first()
            .map(penstock_e2e::Series::name)
            .unwrap_or_default()
    );
    Ok(())
}
