//! Rules about the root, the manifests and the scripts of the repository.
//!
//! Manifests are read as lines: each is written one key a line, and a reader of the diff reads
//! lines too.

use crate::repository::{File, Finding, Repository};

/// What may stand at the root. Everything else belongs in a crate or in docs/.
const ROOT: [&str; 14] = [
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
    ".cargo",
    ".ci",
];
const ROOT_DIRECTORIES: [&str; 9] = [
    ".cargo",
    ".ci",
    ".github",
    "api",
    "docs",
    "fixtures",
    "ledger-core",
    "projections",
    "replay-tool",
];

/// More of the world's code than this is more than anybody here can know.
const DEPENDENCIES_MAX: usize = 40;

/// Files and directories at the root that nobody expects there.
pub(crate) fn strangers_at_the_root(repository: &Repository) -> Vec<Finding> {
    let strangers = repository.files.iter().filter(|file| match file.path.split_once('/') {
        Some((directory, _)) => !ROOT_DIRECTORIES.contains(&directory),
        None => !ROOT.contains(&file.path.as_str()),
    });
    strangers.map(|file| Finding::of(file, "does not belong at the root")).collect()
}

/// The lines of a manifest, each with the section it stands in.
fn sections(file: &File) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut section = "";
    file.lines().filter_map(move |(number, line)| {
        if line.starts_with('[') {
            section = line;
            return None;
        }
        (!line.is_empty() && !line.starts_with('#')).then_some((number, section, line))
    })
}

/// Crates that set for themselves what the workspace sets for all.
pub(crate) fn not_inherited(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    let members = repository.ending("/Cargo.toml");
    for file in members {
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let inherited = format!("{key}.workspace = true");
            if !sections(file).any(|(_, section, line)| section == "[package]" && line == inherited)
            {
                findings.push(Finding::of(file, format!("`{inherited}` is missing")));
            }
        }
        let lints = sections(file)
            .any(|(_, section, line)| section == "[lints]" && line == "workspace = true");
        if !lints {
            findings.push(Finding::of(file, "the lints of the workspace are not inherited"));
        }
        for (number, section, line) in sections(file) {
            let own = line.contains("workspace = true") || line.contains("path = \".\"");
            if section.ends_with("dependencies]") && !own {
                findings.push(Finding::at(file, number, "a version outside the one table"));
            }
        }
    }
    findings
}

/// Lines of the two tables of the workspace that do not say why they are there.
pub(crate) fn without_reason(repository: &Repository) -> Vec<Finding> {
    let Some(file) = repository.find("Cargo.toml") else {
        return Vec::new();
    };
    let (mut findings, mut foreign) = (Vec::new(), 0);
    for (number, section, line) in sections(file) {
        let dependency = section == "[workspace.dependencies]" && !line.contains("path = ");
        foreign += usize::from(dependency);
        if (dependency || section.starts_with("[workspace.lints")) && !line.contains(" # ") {
            findings.push(Finding::at(file, number, "does not say why"));
        }
    }
    if foreign > DEPENDENCIES_MAX {
        let what = format!("{foreign} direct dependencies; at most {DEPENDENCIES_MAX}");
        findings.push(Finding::of(file, what));
    }
    findings
}

/// Shell that goes on after a failure.
pub(crate) fn lenient_scripts(repository: &Repository) -> Vec<Finding> {
    let bash = repository.files.iter().filter(|file| {
        let first = file.text().lines().next().unwrap_or("");
        first.starts_with("#!") && (first.ends_with("bash") || first.ends_with("/sh"))
    });
    let lenient = bash.filter(|file| !file.text().contains("\nset -euo pipefail\n"));
    lenient.map(|file| Finding::of(file, "`set -euo pipefail` is missing")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::tells_apart;

    const MEMBER: &str = "[package]\nname = \"a\"\nversion.workspace = true\n\
        edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\
        publish.workspace = true\n\n[dependencies]\nserde.workspace = true\n\
        clap = { workspace = true, optional = true }\n\n[lints]\nworkspace = true\n";

    #[test]
    fn a_stranger_at_the_root_is_found() {
        tells_apart(
            strangers_at_the_root,
            &[("README.md", ""), ("docs/notes.md", ""), (".github/workflows/ci.yml", "")],
            &[("NOTES.md", ""), ("scripts/run.sh", ""), ("docs", "")],
        );
    }

    #[test]
    fn what_a_crate_sets_for_itself_is_found() {
        let without = |line: &str| MEMBER.replacen(line, "", 1);
        let bad = [
            without("edition.workspace = true\n"),
            without("publish.workspace = true\n"),
            without("[lints]\nworkspace = true\n"),
            MEMBER.replace("serde.workspace = true", "serde = \"1\""),
            MEMBER.replace("serde.workspace = true", "serde = { version = \"1\" }"),
        ];
        let bad: Vec<(&str, &str)> = bad.iter().map(|text| ("a/Cargo.toml", &**text)).collect();
        tells_apart(not_inherited, &[("a/Cargo.toml", MEMBER)], &bad);
    }

    #[test]
    fn a_line_without_a_reason_is_found() {
        let good = "[workspace.dependencies]\nours = { path = \"ours\" }\nserde = \"1\" # faces\n\
            [workspace.lints.rust]\nunsafe_code = \"forbid\" # no need\n";
        let (bare, lint) = (good.replace(" # faces", ""), good.replace(" # no need", ""));
        let rows: Vec<String> =
            (0..=DEPENDENCIES_MAX).map(|n| format!("a{n} = \"1\" # b")).collect();
        let many = format!("[workspace.dependencies]\n{}\n", rows.join("\n"));
        tells_apart(
            without_reason,
            &[("Cargo.toml", good), ("a/Cargo.toml", &bare)],
            &[("Cargo.toml", &bare), ("Cargo.toml", &lint), ("Cargo.toml", &many)],
        );
    }

    #[test]
    fn a_script_that_goes_on_is_found() {
        let (strict, lenient) = ("#!/usr/bin/env bash\nset -euo pipefail\n", "#!/bin/sh\ntrue\n");
        let python = "#!/usr/bin/env python3\n";
        tells_apart(
            lenient_scripts,
            &[(".ci/run", strict), ("a.py", python), ("a.md", "set\n")],
            &[(".ci/run", lenient), ("a.sh", "#!/usr/bin/env bash\nset -e\n")],
        );
    }
}
