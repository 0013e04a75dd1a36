//! The side-by-side run: each scenario on each contender in turn, several rounds, so that whatever else the machine
//! does falls on all alike. Medians go to the table.

use crate::bars::Bar;
use crate::contender::penstock::Penstock;
use crate::contender::victoria_metrics::{self, VictoriaMetrics};
use crate::contender::{Name, Server, stay_on_load_core, zstd};
use crate::load::{Load, Outcome, precise};
use crate::scenario::{Scenario, Stage};
use crate::table::Results;
use crate::usage;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use std::io::{self, Write};

/// What to compare.
#[derive(Args, Debug)]
pub(crate) struct Plan {
    /// Points of the telnet loads; the dearer ones take a part of it.
    #[arg(long, default_value_t = 10_000_000)]
    points: u64,
    /// Rounds; the table has their medians.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seed of the data set.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this scenario; may be repeated.
    #[arg(long = "row")]
    rows: Vec<Scenario>,
    /// Leave one out; may be repeated.
    #[arg(long)]
    without: Vec<Name>,
}

/// Runs the plan and adds its figures to `results`.
///
/// # Errors
/// When a contender fails or refuses points; what was measured until then is in `results`.
pub(crate) fn run(plan: &Plan, results: &mut Results) -> Result<()> {
    stay_on_load_core()?;
    let scenarios = if plan.rows.is_empty() {
        Scenario::value_variants()
    } else {
        plan.rows.as_slice()
    };
    let is_there = |name: &Name| {
        let is_wanted = !plan.without.contains(name);
        is_wanted && (*name != Name::VictoriaMetrics || victoria_metrics::is_installed())
    };
    let contenders: Vec<Name> = Name::value_variants()
        .iter()
        .copied()
        .filter(is_there)
        .collect();
    for round in 1..=plan.rounds {
        for scenario in scenarios {
            let stages = scenario.stages(plan.points, plan.seed);
            for name in &contenders {
                progress(&format!(
                    "round {round} of {}: {scenario:?}, {name}",
                    plan.rounds
                ))?;
                measure(*name, *scenario, &stages, results)
                    .with_context(|| format!("{scenario:?} on {name}"))?;
            }
        }
    }
    Ok(())
}

fn measure(name: Name, scenario: Scenario, stages: &[Stage], results: &mut Results) -> Result<()> {
    match name {
        Name::Zstd => {
            for stage in stages {
                if let Some(bar) = stage.bar {
                    results.add(bar, name, zstd::seconds_per_million(stage.shape)?);
                }
            }
            Ok(())
        }
        Name::Penstock => measure_server(&mut Penstock::start()?, name, scenario, stages, results),
        Name::VictoriaMetrics => measure_server(
            &mut VictoriaMetrics::start()?,
            name,
            scenario,
            stages,
            results,
        ),
    }
}

fn measure_server(
    server: &mut impl Server,
    name: Name,
    scenario: Scenario,
    stages: &[Stage],
    results: &mut Results,
) -> Result<()> {
    let process = server.process()?;
    for stage in stages {
        let Some(bar) = stage.bar else {
            push(server, stage)?;
            continue;
        };
        usage::settle(process)?;
        let before = usage::processor_seconds(process)?;
        let outcome = push(server, stage)?;
        usage::settle(process)?;
        let seconds = usage::processor_seconds(process)? - before;
        results.add(bar, name, seconds / precise(outcome.points) * 1e6);
        progress(&format!("    {:.0} points/s", outcome.points_per_second()))?;
        if let (Bar::Https1000x4, Some(p99)) = (bar, outcome.p99()) {
            results.add(Bar::AnswerP99, name, p99.as_secs_f64() * 1e3);
        }
    }
    if let Some(bar) = scenario.memory_bar() {
        results.add(bar, name, usage::peak_mebibytes(process)?);
    }
    if scenario == Scenario::Million
        && let Some(restart) = server.kill_and_start_again()?
    {
        progress(&format!("    {restart}"))?;
        results.add(Bar::ReadyAfterKill, name, restart.seconds);
    }
    Ok(())
}

fn push(server: &impl Server, stage: &Stage) -> Result<Outcome> {
    let load = Load {
        endpoint: server.endpoint(stage, stage.wire)?,
        token: server.token()?,
        protocol: stage.protocol,
        connections: stage.connections,
        shape: stage.shape,
    };
    load.push()
}

/// Progress goes to standard error, so that the table can be kept by itself.
fn progress(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{text}")
}
