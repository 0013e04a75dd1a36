//! Sockets.

pub mod accept;
pub mod detect;
pub mod prefixed;
pub mod tls;
