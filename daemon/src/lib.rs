//! What every program of ours that runs for long needs, whatever it does: log lines and the socket of an admin port.
//!
//! `penstock-ingest`, `penstock-operator` and `penstock standalone` look the same to who runs them because of it. It
//! knows nothing of Penstock's own: what an admin port serves, what is logged and how settings are spelled is theirs.

pub mod admin_port;
pub mod logs;

pub use admin_port::AdminPort;
pub use logs::{LogError, LogFormat, start_logs};
