//! What we import from others: licences we may ship, one registry, no package twice by accident.
//!
//! Advisories are not checked: that needs a database from outside.

use super::Finding;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Licences that a statically linked Apache-2.0 program may carry.
const LICENCES: [&str; 12] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages that would bring a second TLS or crypto library into the process.
const NEVER: [&str; 4] = ["native-tls", "openssl-sys", "ring", "serde_yaml"];

/// Packages that the server carries in two versions, and who still asks for the older one. Take a
/// name out when it is no longer needed; a new one wants a reason.
const TWICE: &[(&str, &str)] = &[
    ("base64", "k8s-openapi and kube-cel have 0.22"),
    ("rand_core", "pco, whose version is pinned, has 0.6"),
    ("thiserror", "cel has 1"),
];

/// A package that ends up in a program of ours.
#[derive(Debug)]
struct Package {
    name: String,
    version: String,
    licence: String,
    /// Not from the registry.
    is_elsewhere: bool,
}

/// Checks what `cargo tree` says is really built for our platform.
///
/// # Errors
/// When cargo does not know the workspace.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let all = packages(root, &["--workspace", "--edges", "normal,build"])?;
    let server = packages(
        root,
        &["--package", "penstock", "--edges", "normal,no-proc-macro"],
    )?;
    let mut findings: Vec<Finding> = all.iter().flat_map(check_package).collect();
    findings.extend(check_duplicates(&server));
    Ok(findings)
}

fn packages(root: &Path, scope: &[&str]) -> anyhow::Result<Vec<Package>> {
    let listing = cargo(
        root,
        &[&["tree", "--prefix", "none", "--format", "{p}\t{l}"], scope].concat(),
    )?;
    let lines: BTreeSet<&str> = listing.lines().collect();
    Ok(lines.into_iter().filter_map(parse_package).collect())
}

/// `name v1.2.3 (where, unless the registry)<TAB>licence (*)?`
fn parse_package(line: &str) -> Option<Package> {
    let (package, licence) = line.split_once('\t')?;
    let mut words = package.split(' ');
    let name = words.next()?.to_owned();
    let version = words.next()?.trim_start_matches('v').to_owned();
    let is_ours = package.contains("(/");
    let is_elsewhere = package.contains("://");
    let licence = licence.trim_end_matches(" (*)").to_owned();
    (!is_ours).then_some(Package {
        name,
        version,
        licence,
        is_elsewhere,
    })
}

/// What cargo prints about the locked workspace.
///
/// # Errors
/// When cargo fails; its own words are in the error.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .arg("--locked")
        .current_dir(root)
        .output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "cargo {}: {complaint}",
        arguments.join(" ")
    );
    Ok(String::from_utf8(output.stdout)?)
}

fn check_package(package: &Package) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = format!("package {} {}", package.name, package.version);
    if package.is_elsewhere {
        findings.push(Finding::of(
            &path,
            "comes from somewhere else than the registry",
        ));
    }
    if NEVER.contains(&package.name.as_str()) {
        findings.push(Finding::of(
            &path,
            "is banned: one crypto library, one YAML library",
        ));
    }
    if !is_permitted(&package.licence) {
        findings.push(Finding::of(
            &path,
            format!("licence {} is not on the list", package.licence),
        ));
    }
    findings
}

fn check_duplicates(packages: &[Package]) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        versions
            .entry(&package.name)
            .or_default()
            .insert(&package.version);
    }
    let mut findings = Vec::new();
    for (name, versions) in versions {
        let is_known = TWICE.iter().any(|(known, _)| *known == name);
        let path = format!("package {name}");
        if versions.len() > 1 && !is_known {
            let list: Vec<&str> = versions.into_iter().collect();
            findings.push(Finding::of(
                &path,
                format!("is there in versions {}", list.join(", ")),
            ));
        } else if versions.len() == 1 && is_known {
            findings.push(Finding::of(
                &path,
                "is no longer there twice: shorten the list",
            ));
        }
    }
    findings
}

/// Whether one alternative of each part of an SPDX expression is on the list.
fn is_permitted(expression: &str) -> bool {
    let plain = expression.replace('/', " OR ").replace(['(', ')'], "");
    plain.split(" AND ").all(|part| {
        part.split(" OR ")
            .any(|name| LICENCES.contains(&name.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_cargo_tree_is_a_package_unless_it_is_ours() {
        let theirs = parse_package("zstd-sys v2.0.1+zstd.1.5.7\tMIT/Apache-2.0 (*)").unwrap();
        assert_eq!(
            (theirs.name.as_str(), theirs.licence.as_str()),
            ("zstd-sys", "MIT/Apache-2.0")
        );
        assert!(parse_package("penstock-model v0.1.0 (/somewhere/model)\tApache-2.0").is_none());
    }

    #[test]
    fn two_versions_are_named_once() {
        let package = |version| parse_package(version).unwrap();
        let both = [
            package("a v1.0.0\tMIT"),
            package("a v2.0.0\tMIT"),
            package("b v1.0.0\tMIT"),
        ];
        assert_eq!(check_duplicates(&both).len(), 1);
    }

    #[test]
    fn licence_expressions_need_one_permitted_alternative_in_each_part() {
        assert!(is_permitted("MIT OR GPL-3.0"));
        assert!(is_permitted("MIT/Apache-2.0"));
        assert!(is_permitted("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(!is_permitted("MIT AND GPL-3.0"));
        assert!(!is_permitted("none"));
    }
}
