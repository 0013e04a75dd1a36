//! What a query costs: the same points in Penstock and, where it is installed, in VictoriaMetrics, and the same question
//! to both in turn, several rounds. Medians go to the table.
//!
//! ```text
//! data      a day of 1,000 series, and a million series of one point
//! question  what is asked, in both languages          \
//! asked     who is asked, and what it costs him        > compare
//! tally     what is in an answer: both must say the same
//! latency   answer times of puts beside queries
//! ```
//!
//! Both speak plain HTTP over one connection, and all points are on their disks. No answer may come from a cache.

mod asked;
mod data;
mod latency;
mod question;
mod tally;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::{Context, Result};
use clap::Args;

use crate::contender::penstock::Penstock;
use crate::contender::victoria_metrics::{self, VictoriaMetrics};
use crate::contender::{Name, Queried, Server, stay_on_load_core};
use crate::usage;

use self::asked::Asked;
use self::data::Data;
use self::question::Question;
use self::tally::Tally;

/// What to ask.
#[derive(Args, Debug)]
pub(crate) struct Plan {
    /// Rounds; the table has their medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only questions whose title has this text; may be repeated.
    #[arg(long)]
    only: Vec<String>,
    /// Leave one out; may be repeated.
    #[arg(long)]
    without: Vec<Name>,
}

/// Asks everything and appends the tables to `results`.
///
/// # Errors
/// When a server fails, refuses something, or answers other numbers than the other; what was measured until then is in
/// `results`.
pub(crate) fn run(plan: &Plan, results: &mut String) -> Result<()> {
    stay_on_load_core()?;
    let mut ours = Penstock::start_for_queries()?;
    let is_other_wanted = !plan.without.contains(&Name::VictoriaMetrics);
    let mut theirs = if is_other_wanted && victoria_metrics::is_installed() {
        Some(VictoriaMetrics::start_for_queries()?)
    } else {
        None
    };
    results.push_str(
        "| | Penstock | VictoriaMetrics | ours to theirs | numbers answered | |\n|---|---|---|---|---|---|\n",
    );
    let mut measure = |data: Data, questions: Vec<Question>| -> Result<()> {
        let wanted = |question: &Question| {
            plan.only.is_empty() || plan.only.iter().any(|text| question.title.contains(text))
        };
        let questions: Vec<Question> = questions.into_iter().filter(wanted).collect();
        if questions.is_empty() {
            return Ok(());
        }
        progress(&format!("pushing {data}"))?;
        push(&data, &mut ours)?;
        if let Some(theirs) = &mut theirs {
            push(&data, theirs)?;
        }
        for question in &questions {
            progress(&question.title)?;
            let others = theirs.as_mut().map(Asked::new).transpose()?;
            let row = compare(
                plan.rounds,
                question,
                &Asked::new(&mut ours)?,
                others.as_ref(),
            );
            writeln!(results, "{}", row.with_context(|| question.title.clone())?)?;
        }
        Ok(())
    };
    measure(Data::of_a_day(), question::of_a_day())?;
    measure(Data::of_a_million(), question::of_a_million())?;
    if plan.only.is_empty() {
        let writer = ours.token()?.context("a writer")?;
        let latency = latency::measure(&Asked::new(&mut ours)?, &writer)?;
        write!(results, "\n{latency}")?;
    }
    Ok(())
}

/// Pushes all of it and waits until it is on the disk and the server idle.
fn push(data: &Data, server: &mut impl Queried) -> Result<()> {
    data.push(&server.lines(), server.token()?.as_ref())?;
    server.flush()?;
    usage::settle(server.process()?)
}

/// A line of the table.
fn compare(
    rounds: usize,
    question: &Question,
    ours: &Asked,
    theirs: Option<&Asked>,
) -> Result<String> {
    // The first one builds what later ones find, and shows what is answered.
    let numbers = Tally::of(&ours.answer(&question.ours)?, question.ours.form)?;
    if let Some(theirs) = theirs {
        let request = &question.theirs;
        let others = Tally::of(&theirs.answer(request)?, request.form)?;
        question.check(&numbers, &others)?;
    }
    let (mut our_costs, mut their_costs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        our_costs.push(ours.cost(&question.ours)?);
        if let Some(theirs) = theirs {
            their_costs.push(theirs.cost(&question.theirs)?);
        }
    }
    let (title, count, our_cost) = (&question.title, numbers.count, median(our_costs));
    if their_costs.is_empty() {
        return Ok(format!(
            "| {title} | {our_cost:.2} ms | - | - | {count} | - |"
        ));
    }
    let their_cost = median(their_costs);
    let ratio = our_cost / their_cost;
    let verdict = if ratio < 1.0 { "met" } else { "MISSED" };
    Ok(format!(
        "| {title} | {our_cost:.2} ms | {their_cost:.2} ms | {ratio:.2} | {count} | {verdict} |"
    ))
}

fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Progress goes to standard error, so that the table can be kept by itself.
fn progress(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{text}")
}
