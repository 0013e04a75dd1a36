//! Time zones by name, from the bundled database: no file of the machine is read.

use std::sync::OnceLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The zone of an IANA name such as `Europe/Paris`. Offsets such as `+01:00` are no names.
pub(crate) fn named(name: &str) -> Option<TimeZone> {
    static BUNDLED: OnceLock<TimeZoneDatabase> = OnceLock::new();
    BUNDLED
        .get_or_init(TimeZoneDatabase::bundled)
        .get(name)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_names_and_nothing_else() {
        for name in ["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"] {
            assert!(named(name).is_some(), "{name}");
        }
        for name in ["", "+01:00", "Mars/Olympus", "Europe", "../etc/passwd"] {
            assert!(named(name).is_none(), "{name}");
        }
    }
}
