//! Why a point that was read well is not stored.

use std::fmt;

use penstock_store::error::{Pressure, ResolveError};

use crate::limit::{LimitExceeded, OutsideWindow};
use crate::protocol::fault::PointFault;
use crate::protocol::quote::Quoted;

/// Why one point is refused, whichever protocol it came over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its names or tags.
    Fault(Box<PointFault>),
    /// Its time.
    Window(OutsideWindow),
    /// Its metric is none that the token may write.
    MetricNotAllowed {
        /// The metric.
        metric: Quoted,
        /// What the token's metrics begin with.
        prefixes: String,
    },
    /// A limit.
    Limit(Box<LimitExceeded>),
    /// Its series is new, and the store has no room for one more.
    Overloaded(Pressure),
}

/// What the sender can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Mend the point.
    Data,
    /// Wait.
    Quota,
    /// Come again: the server has more to do than it can.
    Overload,
}

impl Refusal {
    /// What the sender can do about it.
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::Fault(_) | Self::Window(_) | Self::MetricNotAllowed { .. } => RefusalKind::Data,
            Self::Limit(_) => RefusalKind::Quota,
            Self::Overloaded(_) => RefusalKind::Overload,
        }
    }

    /// The text of an `errors` entry.
    pub fn http_text(&self) -> String {
        match self {
            Self::Fault(fault) => fault.http_text(),
            other => other.to_string(),
        }
    }

    /// What stands after `put: ` in an error line, without its line feed.
    pub fn telnet_text(&self) -> String {
        match self {
            Self::Fault(fault) => fault.telnet_text(),
            Self::Window(_) | Self::MetricNotAllowed { .. } => format!("illegal argument: {self}"),
            Self::Limit(_) | Self::Overloaded(_) => format!("Please throttle writes: {self}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Window(outside) => outside.fmt(f),
            Self::MetricNotAllowed { metric, prefixes } => write!(
                f,
                "Invalid metric name (\"{metric}\"): the token may write only what begins with {prefixes}"
            ),
            Self::Limit(exceeded) => exceeded.fmt(f),
            Self::Overloaded(pressure) => write!(f, "the server is overloaded: {pressure}"),
        }
    }
}

impl From<PointFault> for Refusal {
    fn from(fault: PointFault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

impl From<LimitExceeded> for Refusal {
    fn from(exceeded: LimitExceeded) -> Self {
        Self::Limit(Box::new(exceeded))
    }
}

impl From<ResolveError<LimitExceeded>> for Refusal {
    fn from(error: ResolveError<LimitExceeded>) -> Self {
        match error {
            ResolveError::Busy(pressure) => Self::Overloaded(pressure),
            ResolveError::Refused(exceeded) => exceeded.into(),
        }
    }
}
