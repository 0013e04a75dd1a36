//! prefixed
