//! put
