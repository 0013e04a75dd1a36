//! Figures of all rounds, and the table of their medians.

use crate::bars::{Bar, Unit};
use crate::contender::Name;
use std::collections::BTreeMap;
use std::fmt;

/// Every figure measured, by bar and contender.
#[derive(Debug, Default)]
pub(crate) struct Results {
    figures: BTreeMap<(Bar, Name), Vec<f64>>,
}

impl Results {
    pub(crate) fn add(&mut self, bar: Bar, name: Name, figure: f64) {
        self.figures.entry((bar, name)).or_default().push(figure);
    }

    fn median(&self, bar: Bar, name: Name) -> Option<f64> {
        let mut figures = self.figures.get(&(bar, name))?.clone();
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        match figures.len() % 2 {
            1 => figures.get(middle).copied(),
            _ => Some(f64::midpoint(
                *figures.get(middle - 1)?,
                *figures.get(middle)?,
            )),
        }
    }

    /// The median as the bar compares it: costs in z.
    fn score(&self, bar: Bar, name: Name) -> Option<f64> {
        let figure = self.median(bar, name)?;
        match bar.goal().unit {
            Unit::Cost => Some(figure / self.median(bar, Name::Zstd)?),
            _ => Some(figure),
        }
    }

    fn cell(&self, bar: Bar, name: Name) -> String {
        let Some(figure) = self.median(bar, name) else {
            return "-".to_owned();
        };
        match (bar.goal().unit, self.score(bar, name)) {
            (Unit::Cost, Some(_)) if name == Name::Zstd => format!("{figure:.3} s/M"),
            (Unit::Cost, Some(z)) => format!("{figure:.3} s/M = {z:.2} z"),
            (Unit::Cost, None) => format!("{figure:.3} s/M"),
            (Unit::Mebibytes, _) => format!("{figure:.0} MiB"),
            (Unit::Milliseconds, _) => format!("{figure:.1} ms"),
            (Unit::Seconds, _) => format!("{figure:.2} s"),
        }
    }

    fn verdict(&self, bar: Bar) -> &'static str {
        let goal = bar.goal();
        match self.score(bar, Name::Penstock) {
            None => "-",
            Some(score) if score <= goal.good => "good",
            Some(score) if score <= goal.must => "met",
            Some(_) => "MISSED",
        }
    }
}

/// A Markdown table, as it stands in the documentation.
impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [zstd, penstock, other] = [Name::Zstd, Name::Penstock, Name::VictoriaMetrics];
        writeln!(f, "| | {zstd} | {penstock} | {other} | must | good | |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        let mut bars: Vec<Bar> = self.figures.keys().map(|(bar, _)| *bar).collect();
        bars.dedup();
        for bar in bars {
            let goal = bar.goal();
            let unit = match goal.unit {
                Unit::Cost => "z",
                Unit::Mebibytes => "MiB",
                Unit::Milliseconds => "ms",
                Unit::Seconds => "s",
            };
            let [zstd, penstock, other] = [zstd, penstock, other].map(|name| self.cell(bar, name));
            let (title, must, good) = (goal.title, goal.must, goal.good);
            let verdict = self.verdict(bar);
            writeln!(
                f,
                "| {title} | {zstd} | {penstock} | {other} | {must} {unit} | {good} {unit} | {verdict} |"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_judged_in_z_by_their_medians() {
        let mut results = Results::default();
        for figure in [0.4, 0.3, 9.0] {
            results.add(Bar::TelnetTls, Name::Zstd, figure);
        }
        results.add(Bar::TelnetTls, Name::Penstock, 0.6);
        results.add(Bar::Memory10k, Name::Penstock, 140.0);
        let table = results.to_string();
        assert!(
            table.contains("| 0.400 s/M | 0.600 s/M = 1.50 z | - | 1.6 z | 1 z | met |"),
            "{table}"
        );
        assert!(
            table.contains("| - | 140 MiB | - | 132 MiB | 100 MiB | MISSED |"),
            "{table}"
        );
    }
}
