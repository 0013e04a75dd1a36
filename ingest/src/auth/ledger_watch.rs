//! The ledger's ways in. (Signatures; bodies follow.)

/// Takes newer ledgers, keeps the last good one, and says what it has.
#[derive(Debug)]
pub struct LedgerWatch {}
