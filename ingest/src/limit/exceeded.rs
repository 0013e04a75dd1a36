//! What somebody over a limit is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use penstock_tenancy::{ApplicationLimits, ReadLimits, TokenId, TokenLimits, per_pod};

/// Whose limit it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitOwner {
    /// `namespace/name` of an application.
    Application(Arc<str>),
    /// A token.
    Token(TokenId),
}

impl fmt::Display for LimitOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(name) => write!(f, "application {name}"),
            Self::Token(id) => write!(f, "token {id}"),
        }
    }
}

/// A limit that said no: which, whose, its figure and unit, and when to try again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LimitExceeded {
    /// The limit's name in resources, such as `pointsPerSecond`.
    pub limit: &'static str,
    /// Whose it is.
    pub owner: LimitOwner,
    /// Its figure for the whole service.
    pub figure: u64,
    /// How many servers share it; 1 for limits that are not shared.
    pub replicas: u32,
    /// How long the same request had better wait. Zero if waiting does not help.
    pub retry_after: Duration,
}

impl LimitExceeded {
    fn unit(&self) -> &'static str {
        ApplicationLimits::TABLE
            .iter()
            .chain(TokenLimits::TABLE)
            .chain(ReadLimits::TABLE)
            .find(|row| row.name == self.limit)
            .map_or("", |row| row.unit)
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            limit,
            owner,
            figure,
            replicas,
            ..
        } = self;
        let unit = self.unit();
        write!(f, "limit {limit} of {owner} reached: {figure} {unit}")?;
        if *replicas > 1 {
            let share = per_pod(*figure, *replicas);
            write!(f, ", {share} {unit} on each of {replicas} servers")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exceeded(replicas: u32) -> LimitExceeded {
        LimitExceeded {
            limit: "pointsPerSecond",
            owner: LimitOwner::Application("iot/demo".into()),
            figure: 1_000,
            replicas,
            retry_after: Duration::from_millis(1_200),
        }
    }

    #[test]
    fn it_names_limit_owner_figure_and_unit() {
        assert_eq!(
            exceeded(1).to_string(),
            "limit pointsPerSecond of application iot/demo reached: 1000 points/s"
        );
        let of_token = LimitExceeded {
            limit: "connections",
            owner: LimitOwner::Token("AbCdEfGhIjKl".parse().unwrap()),
            ..exceeded(1)
        };
        assert_eq!(
            of_token.to_string(),
            "limit connections of token AbCdEfGhIjKl reached: 1000 connections"
        );
    }

    #[test]
    fn where_servers_share_it_both_figures_are_named() {
        assert_eq!(
            exceeded(3).to_string(),
            "limit pointsPerSecond of application iot/demo reached: 1000 points/s, 334 points/s on each of 3 servers"
        );
    }
}
