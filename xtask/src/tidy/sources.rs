//! Names, sizes and leftovers of Rust files.

use super::Finding;
use super::tree::File;

/// Past this a file has a second concept that wants its own. Aim at 100 to 400.
const FILE_LINES_MAX: usize = 600;

/// Words that say nothing about what a module holds.
const EMPTY_NAMES: [&str; 7] = [
    "utils", "util", "common", "helpers", "misc", "types", "manager",
];

/// What an unfinished change leaves behind. Split, so that this file does not find itself.
const LEFTOVERS: [(&str, &str); 4] = [
    (concat!("#[igno", "re"), "a test either runs or goes"),
    (
        concat!("to", "do!("),
        "finish it or leave its room without a stub",
    ),
    (
        concat!("unimple", "mented!("),
        "finish it or leave its room without a stub",
    ),
    (concat!("FIX", "ME"), "mend it or write down why it stands"),
];

/// Tests wait for conditions; this is the one place that may let time pass between two looks.
const WAITING_ROOM: &str = "e2e/src/wait.rs";

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.is_rust())
        .flat_map(check_file)
        .collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(check_name(&file.path));
    let lines = file.text.lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!("{lines} lines; past {FILE_LINES_MAX} find the second concept");
        findings.push(Finding::of(&file.path, message));
    }
    if !file.text.starts_with("//!") && !is_inner_test(file) {
        findings.push(Finding::at(
            &file.path,
            1,
            "opens without `//!`: say what this is",
        ));
    }
    for (number, line) in file.lines() {
        for (leftover, why) in LEFTOVERS {
            if line.contains(leftover) {
                findings.push(Finding::at(
                    &file.path,
                    number,
                    format!("`{leftover}`: {why}"),
                ));
            }
        }
        let may_sleep = file.path == WAITING_ROOM || !file.is_test();
        if line.contains("sleep(") && !may_sleep {
            findings.push(Finding::at(
                &file.path,
                number,
                "tests wait for conditions, never sleep",
            ));
        }
    }
    findings
}

/// Tests beside their module need no page of their own: the module has one.
fn is_inner_test(file: &File) -> bool {
    file.is_test() && file.path.contains("/src/")
}

fn check_name(path: &str) -> Option<Finding> {
    if path.ends_with("/mod.rs") {
        return Some(Finding::of(path, "a module is `foo.rs` plus `foo/`"));
    }
    let words = path.trim_end_matches(".rs").split('/');
    let empty = words.into_iter().find(|word| EMPTY_NAMES.contains(word))?;
    Some(Finding::of(
        path,
        format!("`{empty}` says nothing: find the name of what is shared"),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    fn messages(path: &str, text: &str) -> usize {
        check(&[file(path, text)]).len()
    }

    #[test]
    fn names_that_say_nothing_are_refused() {
        assert_eq!(messages("store/src/wal/mod.rs", "//! A.\n"), 1);
        assert_eq!(messages("ingest/src/http/utils.rs", "//! A.\n"), 1);
        assert_eq!(messages("ingest/src/common/put.rs", "//! A.\n"), 1);
        assert_eq!(messages("ingest/src/http/put.rs", "//! A.\n"), 0);
    }

    #[test]
    fn leftovers_long_files_and_missing_pages_are_named() {
        assert_eq!(
            messages(
                "model/src/a.rs",
                concat!("//! A.\nfn f() { to", "do!() }\n")
            ),
            1
        );
        assert_eq!(
            messages("model/src/a.rs", &format!("//! A.\n{}", "\n".repeat(600))),
            1
        );
        assert_eq!(messages("model/src/a.rs", "use b;\n"), 1);
        assert_eq!(messages("model/src/a/tests.rs", "use b;\n"), 0);
    }

    #[test]
    fn tests_do_not_sleep() {
        let text = "//! A.\nfn f() { thread::sleep(d) }\n";
        assert_eq!(messages("e2e/tests/values.rs", text), 1);
        assert_eq!(messages("e2e/src/wait.rs", text), 0);
    }
}
