//! authenticator
