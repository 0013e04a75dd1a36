//! The house rules as a test: what a reviewer would otherwise have to remember.
//!
//! Each rule is a function from the files of the repository to findings; it reads, and never mends.
//! What rustfmt, clippy and rustc can check is theirs and not repeated here.
//!
//! ```text
//! crates        who may depend on whom          Cargo.toml, ARCHITECTURE.md "Crates"
//! borders       what a folder may not name      store has no tokio, protocol has no I/O
//! sources       names, sizes, leftovers         no mod.rs, no utils, 600 lines, nothing unfinished
//! documents     pages follow the code           format pages, links, paths named in ARCHITECTURE.md
//! dependencies  licences, sources, duplicates   Cargo.lock
//! ```

mod borders;
mod crates;
mod dependencies;
mod documents;
mod sources;
mod tree;

use std::fmt;
use std::path::Path;

/// One broken rule, in the form that editors jump to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// Counted from 1; 0 when the whole file is meant.
    line: usize,
    message: String,
}

impl Finding {
    fn at(path: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }

    fn of(path: &str, message: impl Into<String>) -> Finding {
        Finding::at(path, 0, message)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Every finding in the repository at `root`, by path.
///
/// # Errors
/// When a file cannot be read or cargo does not know the workspace.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let files = tree::read(root)?;
    let mut findings = crates::check(&crates::metadata(root)?);
    findings.extend(borders::check(&files));
    findings.extend(sources::check(&files));
    findings.extend(documents::check(&files));
    findings.extend(dependencies::check(root)?);
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    Ok(findings)
}
