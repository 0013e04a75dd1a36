//! Telnet lines.
