//! Series selectors.
