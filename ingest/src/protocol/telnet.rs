//! The telnet protocol: lines in, answers out.
//!
//! ```text
//!   bytes ── framing::next_line ──> line ── command::scan_line ──> Command | LineError
//!                                                        reply ──> ok, version, help, stats, error lines
//! ```
//!
//! What is not here: when a connection closes, who may write (`connection`, `auth`).

pub mod command;
pub mod framing;
pub mod number;
pub mod reply;
mod rollup_spec;

pub use command::{Command, LineError, Verb, scan_line};
pub use framing::{Framed, next_line};
