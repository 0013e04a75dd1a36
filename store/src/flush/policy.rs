//! When sealed parts go to disk. Pure.

use std::time::Duration;

use crate::config::StoreConfig;

/// What the decision looks at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FlushInputs {
    /// Bytes of encoded sealed parts.
    pub(crate) sealed_bytes: usize,
    /// Bytes of WAL that a start would replay.
    pub(crate) wal_bytes: u64,
    /// How long the oldest row in memory has been there.
    pub(crate) oldest_age: Duration,
}

/// Whether everything in memory is to be flushed now.
pub(crate) fn is_due(inputs: FlushInputs, config: &StoreConfig) -> bool {
    inputs.sealed_bytes >= config.sealed_bytes_max
        || inputs.wal_bytes >= config.wal_bytes_max
        || inputs.oldest_age >= config.flush_age
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_log_and_age_each_suffice() {
        let config = StoreConfig::default();
        let quiet = FlushInputs {
            sealed_bytes: config.sealed_bytes_max - 1,
            wal_bytes: config.wal_bytes_max - 1,
            oldest_age: Duration::from_secs(599),
        };
        let cases = [
            (quiet, false),
            (
                FlushInputs {
                    sealed_bytes: config.sealed_bytes_max,
                    ..quiet
                },
                true,
            ),
            (
                FlushInputs {
                    wal_bytes: config.wal_bytes_max,
                    ..quiet
                },
                true,
            ),
            (
                FlushInputs {
                    oldest_age: config.flush_age,
                    ..quiet
                },
                true,
            ),
        ];
        for (inputs, due) in cases {
            assert_eq!(is_due(inputs, &config), due, "{inputs:?}");
        }
    }
}
