//! What a folder may not name. `Cargo.toml` draws the borders between crates; these run inside one.

use super::Finding;
use super::tree::File;

struct Border {
    /// Files whose path starts so are inside.
    folder: &'static str,
    /// Except this one file or folder, where the outside world is met.
    gate: &'static str,
    never: &'static [&'static str],
    why: &'static str,
}

const BORDERS: &[Border] = &[
    Border {
        folder: "store/src/",
        gate: "store/src/disk/os",
        never: &["std::fs", "fs::", "std::io::stdin", "std::net", "tokio"],
        why: "the store asks its Disk",
    },
    Border {
        folder: "ingest/src/protocol",
        gate: "-",
        never: &[
            "std::fs", "fs::", "std::net", "tokio", "axum", "hyper", "async fn", ".await",
        ],
        why: "a protocol turns bytes into meaning and does no I/O",
    },
    Border {
        folder: "model/src/",
        gate: "-",
        never: &["std::fs", "fs::", "std::net", "std::thread"],
        why: "the model is pure",
    },
];

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.is_rust() && !file.is_test())
        .flat_map(check_file)
        .collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let inside = |border: &&Border| {
        file.path.starts_with(border.folder) && !file.path.starts_with(border.gate)
    };
    for border in BORDERS.iter().filter(inside) {
        for (number, line) in file.production_lines() {
            if let Some(word) = border.never.iter().find(|word| line.contains(**word)) {
                let message = format!("`{word}` crosses a border: {}", border.why);
                findings.push(Finding::at(&file.path, number, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    #[test]
    fn only_the_gate_of_the_store_touches_files() {
        let text = "use std::fs;\n";
        assert_eq!(check(&[file("store/src/wal/segment.rs", text)]).len(), 1);
        assert_eq!(check(&[file("store/src/disk/os.rs", text)]), []);
    }

    #[test]
    fn comments_and_unit_tests_may_name_what_they_like() {
        let text = "//! Not tokio.\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        assert_eq!(check(&[file("store/src/wal.rs", text)]), []);
    }
}
