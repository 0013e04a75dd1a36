//! A real Penstock process and the clients that talk to it, for stories in `tests/` and for the benchmark.
//!
//! Everything here sees the server as its users do: a program, a folder of manifests, sockets, files of keys.
//! No crate of the server is imported. Nothing sleeps; [`wait`] looks until a condition holds.
//!
//! ```text
//! Standalone --starts--> penstock standalone     on its own loopback address and temporary folder
//!     |
//!     +-- token("device") -> Token               read from the folder that a mounted Secret would be
//!     +-- tls() / plain() -> Endpoint            where and how to connect
//!                 |
//!                 +-- Telnet, Http --over--> Stream (TLS or plain)
//!     +-- export(selector) -> Vec<Series>        what is stored, numbers as they were printed
//! ```

pub mod endpoint;
pub mod export;
pub mod http;
pub mod manifests;
pub mod process;
pub mod program;
pub mod random;
pub mod standalone;
pub mod telnet;
pub mod token;
pub mod trace;
pub mod wait;

pub use endpoint::{Endpoint, Stream};
pub use export::Series;
pub use http::{Http, Response};
pub use manifests::Manifests;
pub use process::Process;
pub use program::Program;
pub use random::Random;
pub use standalone::{Setup, Standalone};
pub use telnet::Telnet;
pub use token::Token;
pub use trace::{Call, Trace};
