//! A telnet session.
