//! Active rows and sealed parts.
