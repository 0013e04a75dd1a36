use std::path::{Path, PathBuf};

use penstock_api::Reason;

use super::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_committed_page_is_what_is_said() {
    let committed = std::fs::read_to_string(repository().join("docs/conditions.md"));
    assert_eq!(
        committed.unwrap_or_default(),
        page().unwrap(),
        "docs/conditions.md is stale: run `make crds`"
    );
}

/// Every reason that the sources can give a condition.
#[test]
fn no_reason_is_missing() {
    let page = page().unwrap();
    let has = |reason: &str| page.contains(&format!("| `{reason}` |"));
    let sources = [
        "token_status.rs",
        "application_status.rs",
        "propagation.rs",
        "usage.rs",
    ];
    let mut found = 0;
    for source in sources {
        let text = std::fs::read_to_string(repository().join("api/src").join(source)).unwrap();
        let said = text.split("#[cfg(test)]").next().unwrap();
        for call in said.split("Verdict::").skip(1) {
            let Some((_, after)) = call.split_once('(') else {
                continue;
            };
            let Some(reason) = after.trim_start().strip_prefix('"') else {
                continue;
            };
            let reason = reason.split('"').next().unwrap();
            assert!(has(reason), "{source} says {reason}");
            found += 1;
        }
    }
    assert!(found > 25, "the sources are read: {found}");
    for reason in [
        Reason::ApplicationNotFound,
        Reason::TagConflict,
        Reason::WeakKey,
        Reason::SourceMissing,
        Reason::InvalidSpec,
        Reason::NamespaceNotAllowed,
        Reason::QuotaExceeded,
        Reason::ExpiryRequired,
    ] {
        assert!(has(reason.as_str()), "{reason}");
    }
}

/// A person who sees that something is wrong is told more than a word.
#[test]
fn whatever_is_in_the_way_has_a_sentence() {
    let told = [applications().unwrap(), tokens().unwrap()].concat();
    for condition in told {
        let is_fine = matches!(
            (condition.type_.as_str(), condition.status.as_str()),
            ("Accepted" | "Programmed" | "WithinLimits", "True")
                | ("Rotating" | "Expired" | "Revoked", "False")
        );
        assert!(is_fine || condition.message.contains(' '), "{condition:?}");
        assert!(!condition.message.ends_with('.'), "{condition:?}");
    }
}
