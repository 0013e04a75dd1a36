//! Simulated files that crash, tear and fail on demand.
