//! Pages follow the code: format pages exist, links lead somewhere, the map names what is there.

use super::Finding;
use super::tree::File;

/// On-disk formats and the module that writes each. A format change without its page is unfinished.
const FORMATS: [(&str, &str); 5] = [
    ("store/src/wal/", "docs/formats/wal.md"),
    ("store/src/manifest/", "docs/formats/manifest.md"),
    ("store/src/chunk/", "docs/formats/chunk.md"),
    ("store/src/block/", "docs/formats/block.md"),
    ("store/src/series/", "docs/formats/series.md"),
];

const MAP: &str = "ARCHITECTURE.md";
const INDEX: &str = "docs/README.md";

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (module, page) in FORMATS {
        let is_written = files.iter().any(|file| file.path.starts_with(module));
        if is_written && !exists(files, page) {
            findings.push(Finding::of(
                page,
                format!("is missing: {module} writes this format"),
            ));
        }
    }
    for file in files.iter().filter(|file| file.is_markdown()) {
        findings.extend(check_links(files, file));
    }
    findings.extend(check_index(files));
    if let Some(map) = files.iter().find(|file| file.path == MAP) {
        findings.extend(check_map(files, map));
    }
    findings
}

/// Every page under `docs/` can be found from the first one.
fn check_index(files: &[File]) -> Vec<Finding> {
    let Some(index) = files.iter().find(|file| file.path == INDEX) else {
        return Vec::new();
    };
    let named: Vec<String> = prose(index)
        .flat_map(|(_, line)| link_targets(line))
        .map(|target| resolve(INDEX, target))
        .collect();
    let pages = files
        .iter()
        .filter(|file| file.is_markdown() && file.path.starts_with("docs/"));
    let missing = pages.filter(|page| page.path != INDEX && !named.contains(&page.path));
    missing
        .map(|page| Finding::of(&page.path, format!("is not listed in {INDEX}")))
        .collect()
}

/// Whether a file stands there, or a folder with something in it.
fn exists(files: &[File], path: &str) -> bool {
    let folder = format!("{}/", path.trim_end_matches('/'));
    files
        .iter()
        .any(|file| file.path == path || file.path.starts_with(&folder))
}

/// Every relative `[text](path#heading)` names a file and, if given, one of its headings.
fn check_links(files: &[File], page: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose(page) {
        for target in link_targets(line) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() {
                page.path.clone()
            } else {
                resolve(&page.path, path)
            };
            if !exists(files, &path) {
                let message = format!("link to {target}: there is no {path}");
                findings.push(Finding::at(&page.path, number, message));
            } else if !heading.is_empty() && !has_heading(files, &path, heading) {
                let message = format!("link to {target}: {path} has no such heading");
                findings.push(Finding::at(&page.path, number, message));
            }
        }
    }
    findings
}

/// Lines outside fenced code.
fn prose(page: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    page.lines().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    })
}

/// What stands in the parentheses of each `](...)`.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
}

/// A path relative to the page that names it, from the root.
fn resolve(page: &str, target: &str) -> String {
    let mut folders: Vec<&str> = page.split('/').collect();
    folders.pop();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(folders.pop()),
            name => folders.push(name),
        }
    }
    folders.join("/")
}

fn has_heading(files: &[File], path: &str, anchor: &str) -> bool {
    let page = files.iter().find(|file| file.path == path);
    page.is_some_and(|page| {
        prose(page).any(|(_, line)| line.starts_with('#') && slug(line) == anchor)
    })
}

/// The anchor that Markdown renderers give a heading.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The map names every crate, and every path that it puts in backticks exists.
fn check_map(files: &[File], map: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in files
        .iter()
        .filter_map(|file| file.path.strip_suffix("/Cargo.toml"))
    {
        if !map.text.contains(&format!("`{manifest}`")) {
            findings.push(Finding::of(
                MAP,
                format!("says nothing about the crate `{manifest}`"),
            ));
        }
    }
    for (number, line) in prose(map) {
        for path in line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| looks_like_path(word))
        {
            if !exists(files, path) {
                findings.push(Finding::at(
                    MAP,
                    number,
                    format!("names {path}, which is not there"),
                ));
            }
        }
    }
    findings
}

fn looks_like_path(word: &str) -> bool {
    let is_source = [".rs", ".md", ".toml", ".yaml", "/"]
        .iter()
        .any(|end| word.ends_with(end));
    is_source && word.contains('/') && !word.contains([' ', '*', '<']) && !word.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    #[test]
    fn a_written_format_needs_its_page() {
        let segment = || file("store/src/wal/segment.rs", "//! A.\n");
        assert_eq!(check(&[segment()]).len(), 1);
        assert_eq!(
            check(&[segment(), file("docs/formats/wal.md", "# WAL\n")]),
            []
        );
    }

    #[test]
    fn links_lead_to_files_and_headings() {
        let target = || file("docs/formats/wal.md", "# A group, drawn\n");
        let good = file(
            "docs/index.md",
            "[a](formats/wal.md#a-group-drawn) [b](../docs/)\n",
        );
        assert_eq!(check(&[target(), good]), []);
        let bad = file("docs/index.md", "[a](formats/wal.md#none) [b](gone.md)\n");
        assert_eq!(check(&[target(), bad]).len(), 2);
        let fenced = file("docs/index.md", "```\n[b](gone.md)\n```\n");
        assert_eq!(check(&[target(), fenced]), []);
    }

    #[test]
    fn a_page_that_the_index_does_not_list_is_named() {
        let index = || file("docs/README.md", "[wal](formats/wal.md)\n");
        let listed = || file("docs/formats/wal.md", "# WAL\n");
        assert_eq!(check(&[index(), listed()]), []);
        assert_eq!(
            check(&[index(), listed(), file("docs/lost.md", "# L\n")]).len(),
            1
        );
    }

    #[test]
    fn the_map_names_crates_and_only_paths_that_exist() {
        let manifest = || file("model/Cargo.toml", "");
        let silent = file("ARCHITECTURE.md", "nothing\n");
        assert_eq!(check(&[manifest(), silent]).len(), 1);
        let stale = file("ARCHITECTURE.md", "`model` has `model/src/gone.rs`\n");
        assert_eq!(check(&[manifest(), stale]).len(), 1);
    }
}
