//! Health endpoints that clients ask without credentials.
