//! kill -9 at random moments under load: nothing acknowledged is lost, nothing is invented.
//!
//! Six connections push numbered points, three by HTTP, three by telnet. Point `n` of a connection has a time
//! and a value that follow from `n`, so what is stored tells by itself whether it was ever sent. After each kill
//! the server starts again on the same data, and the points are compared: all of the last rounds, and now and then,
//! and at the end, all of every round.
//!
//! Where a kill falls is aimed at, and told afterwards by the files that it left ([`moments`]): under load, in each step
//! of a flush (the server flushes when it is told to stop, so it is killed while it stops), and in the start after a kill.
//!
//! `PENSTOCK_KILL_ROUNDS` sets the rounds, `PENSTOCK_SEED` replays a run.

mod moments;
mod pushing;

use anyhow::{Context, Result, bail, ensure};
use moments::Step;
use penstock_e2e::{Random, Standalone, wait};
use pushing::{Tally, push_http, push_telnet};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const CONNECTIONS: u64 = 6;

/// Acknowledgements after which a round's kill falls due, at most.
const ACKNOWLEDGEMENTS_MAX: u64 = 60;

/// Rounds between two comparisons of everything.
const ROUNDS_BETWEEN: usize = 10;

/// Looks at a starting process between its first hold on the data and its death, at most: a look takes less than a
/// hundredth of the time that a start takes.
const LOOKS_MAX: u64 = 400;

/// When a round's server is killed.
#[derive(Debug, Clone, Copy)]
enum Aim {
    /// While all connections push.
    Load,
    /// While it stops, in this step of the flush.
    Flush(Step),
}

const AIMS: [Aim; 5] = [
    Aim::Load,
    Aim::Flush(Step::Blocks),
    Aim::Flush(Step::Run),
    Aim::Flush(Step::Manifest),
    Aim::Flush(Step::Old),
];

fn rounds() -> usize {
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
    let (mut history, mut kills) = (Vec::new(), BTreeMap::<String, u32>::new());
    for (round, aim) in (0..rounds()).zip(AIMS.into_iter().cycle()) {
        let context = || format!("seed {seed}, round {round}, {aim:?}");
        let (tallies, step) =
            push_and_kill(&mut server, round, aim, &mut random).with_context(context)?;
        history.push(tallies);
        let place = match (aim, step) {
            (_, Some(step)) => format!("in a stop's flush: {step:?}"),
            (Aim::Load, None) => "under load".to_owned(),
            (Aim::Flush(_), None) => "in a stop, before or after its flush".to_owned(),
        };
        *kills.entry(place).or_default() += 1;
        if random.below(2) == 0 && kill_while_it_starts(&mut server, &mut random)? {
            *kills.entry("in a start".to_owned()).or_default() += 1;
        }
        server.start_again().with_context(context)?;
        let is_long_ago = (round + 1) % ROUNDS_BETWEEN == 0 || round + 1 == rounds();
        let first = if is_long_ago { 0 } else { round };
        check(&server, &history[first..], first).with_context(context)?;
    }
    println!("seed {seed}, kills: {kills:?}");
    let acknowledged = |tally: &Tally| tally.acknowledged.load(Ordering::Relaxed);
    let all: u64 = history.iter().flatten().map(acknowledged).sum();
    ensure!(all > 0, "seed {seed}: no round acknowledged anything");
    let in_a_flush = kills
        .keys()
        .any(|place| place.starts_with("in a stop's flush"));
    ensure!(
        in_a_flush || rounds() < AIMS.len(),
        "seed {seed}: no kill fell into a flush, {kills:?}"
    );
    Ok(())
}

/// Answers in which step of a flush the kill fell, if in one.
fn push_and_kill(
    server: &mut Standalone,
    round: usize,
    aim: Aim,
    random: &mut Random,
) -> Result<(Vec<Tally>, Option<Step>)> {
    let (tls, token) = (server.tls()?, server.token("device")?);
    let answers = AtomicU64::new(0);
    let due = 1 + random.below(ACKNOWLEDGEMENTS_MAX);
    let number = u64::try_from(round)?;
    let tallies: Vec<Tally> = (0..CONNECTIONS)
        .map(|index| Tally::new(number, index))
        .collect();
    let step = thread::scope(|scope| {
        for (index, tally) in tallies.iter().enumerate() {
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
        let aimed = enough.and_then(|()| match aim {
            Aim::Load => Ok(None),
            Aim::Flush(step) => moments::stop_until(server, step).map(Some),
        });
        // Kill in any case, or the pushers would never end.
        server.kill()?;
        aimed.and_then(|before| before.map_or(Ok(None), |before| before.step_in(server)))
    })?;
    Ok((tallies, step))
}

/// Starts the server and kills it before it is ready. Answers whether that was so soon.
fn kill_while_it_starts(server: &mut Standalone, random: &mut Random) -> Result<bool> {
    let opened = |server: &Standalone| server.log().matches("store open").count();
    let before = opened(server);
    server.launch()?;
    moments::until_it_has_the_data(server, random.below(LOOKS_MAX))?;
    server.kill()?;
    Ok(opened(server) == before)
}

/// Compares these rounds' points.
fn check(server: &Standalone, rounds: &[Vec<Tally>], first: usize) -> Result<()> {
    let numbers: Vec<String> = (first..first + rounds.len())
        .map(|round| round.to_string())
        .collect();
    let selector = format!(r#"{{__name__=~"kill[.]r({})[.].*"}}"#, numbers.join("|"));
    let mut stored = server.export(&selector)?;
    for tally in rounds.iter().flatten() {
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
                .checked_sub(tally.start)
                .context("a time before the first")?;
            let metric = &tally.metric;
            ensure!(
                number < sent,
                "{metric} point {number} was never sent, {sent} were"
            );
            ensure!(
                *value == tally.value(number).to_string(),
                "{metric} point {number} is {value}"
            );
        }
        // Numbers are distinct and below `sent`: the acknowledged ones are all there if the first so many are.
        let held = points.iter().take_while({
            let mut next = i64::try_from(tally.start)?;
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
