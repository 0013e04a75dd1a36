//! ledger_watch
