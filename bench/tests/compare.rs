//! What `make bench` runs, so that it does not rot between two measurements. No figure is judged.

use anyhow::{Context, Result, ensure};
use penstock_e2e::Program;

#[test]
fn a_comparison_prints_its_table() -> Result<()> {
    let plan = ["compare", "--points", "2000", "--rounds", "1"];
    let rows = ["telnet-plain", "https-50x4"];
    let table = Program::new(env!("CARGO_BIN_EXE_penstock-bench"))
        .args(plan)
        .args(["--without", "victoria-metrics"])
        .args(rows.iter().flat_map(|row| ["--row", row]))
        .run()?;
    for bar in ["telnet plain", "HTTPS, 50 points x 4"] {
        let line = table.lines().find(|line| line.contains(bar));
        let line = line.with_context(|| format!("no row for {bar}:\n{table}"))?;
        let ours = line.split('|').nth(3).unwrap_or_default();
        ensure!(ours.contains(|c: char| c.is_ascii_digit()), "{line}");
    }
    Ok(())
}
