//! Rules about which Rust files there are: each is compiled, and each has a name that means one
//! thing.
//!
//! Reachability follows `mod name;`, `#[path]` and cargo's own places for targets. A `mod` inside
//! an inline module is not followed: no file of ours is declared that way.

use std::collections::BTreeSet;

use crate::repository::{File, Finding, Repository};

/// Names that say nothing, and so collect everything.
const VAGUE: [&str; 10] = [
    "utils", "util", "helpers", "helper", "common", "types", "manager", "service", "handler",
    "prelude",
];

/// Files and directories with a name of no meaning.
pub(crate) fn vague_names(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in repository.rust() {
        let path = file.path.trim_end_matches(".rs");
        if let Some(name) = path.split('/').find(|part| VAGUE.contains(part)) {
            findings.push(Finding::of(file, format!("`{name}` is the name of nothing")));
        }
        for (number, line) in file.lines() {
            if let Some(name) = declared(line).filter(|name| VAGUE.contains(name)) {
                findings.push(Finding::at(
                    file,
                    number,
                    format!("`{name}` is the name of nothing"),
                ));
            }
        }
    }
    findings
}

/// The module that a line declares, with or without a body.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1.trim_start(),
        Some(rest) => rest.trim_start(),
        None => line,
    };
    line.strip_prefix("mod ")?.split([';', ' ', '{']).next()
}

/// Files that no `mod` reaches from any target: they look alive and are not compiled.
pub(crate) fn dead_files(repository: &Repository) -> Vec<Finding> {
    let mut alive = BTreeSet::new();
    let mut waiting: Vec<&File> = targets(repository);
    while let Some(file) = waiting.pop() {
        if alive.insert(file.path.as_str()) {
            waiting.extend(children(repository, file));
        }
    }
    let dead = repository.rust().filter(|file| !alive.contains(file.path.as_str()));
    dead.map(|file| Finding::of(file, "no target and no `mod` reaches this file")).collect()
}

/// The root file of every target of every package.
fn targets(repository: &Repository) -> Vec<&File> {
    let manifests = repository.files.iter().filter(|file| {
        file.name() == "Cargo.toml" && file.text().lines().any(|line| line == "[package]")
    });
    let mut roots = Vec::new();
    for manifest in manifests {
        let package = manifest.path.trim_end_matches("Cargo.toml");
        let named: Vec<String> = manifest
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'))
            .map(|path| format!("{package}{path}"))
            .collect();
        roots.extend(repository.rust().filter(|file| {
            let inside = file.path.strip_prefix(package);
            named.contains(&file.path) || inside.is_some_and(is_target)
        }));
    }
    roots
}

/// Whether cargo finds a target at this place of a package by itself.
fn is_target(path: &str) -> bool {
    if matches!(path, "src/lib.rs" | "src/main.rs" | "build.rs") {
        return true;
    }
    ["src/bin/", "tests/", "benches/", "examples/"].iter().any(|directory| {
        path.strip_prefix(directory).is_some_and(|rest| match rest.split_once('/') {
            None => true,
            Some((_, rest)) => rest == "main.rs",
        })
    })
}

/// The files that one file declares as its modules.
fn children<'a>(repository: &'a Repository, file: &File) -> Vec<&'a File> {
    let (directory, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let package_target = targets(repository).iter().any(|root| root.path == file.path);
    let modules = if package_target || name == "mod.rs" {
        directory.to_owned()
    } else {
        file.path.trim_end_matches(".rs").to_owned()
    };
    let mut found = Vec::new();
    let mut written = None;
    for line in file.text().lines().map(str::trim) {
        if let Some(path) = line.strip_prefix("#[path = \"").and_then(|it| it.strip_suffix("\"]")) {
            written = Some(format!("{directory}/{path}"));
        } else if let Some(name) = declared(line).filter(|_| line.ends_with(';')) {
            let places = written.take().map_or_else(
                || vec![format!("{modules}/{name}.rs"), format!("{modules}/{name}/mod.rs")],
                |it| vec![it],
            );
            found.extend(places.iter().filter_map(|place| repository.find(place)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::tells_apart;

    #[test]
    fn a_vague_name_is_found_as_file_directory_and_module() {
        tells_apart(
            vague_names,
            &[("src/money.rs", "mod tests {\n}\n"), ("src/typeset.rs", "pub mod money;\n")],
            &[
                ("src/utils.rs", ""),
                ("src/common/a.rs", ""),
                ("src/lib.rs", "mod helpers;\n"),
                ("src/lib.rs", "pub(crate) mod prelude {\n}\n"),
            ],
        );
    }

    #[track_caller]
    fn dead(files: &[(&str, &str)], expected: &[&str]) {
        let package = [("a/Cargo.toml", "[package]\nname = \"a\"\n[[bin]]\npath = \"app.rs\"\n")];
        let repository = Repository::of(&[&package[..], files].concat());
        let found: Vec<String> = dead_files(&repository).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for path in expected {
            assert!(found.iter().any(|line| line.contains(path)), "{path} is not in {found:?}");
        }
    }

    #[test]
    fn a_file_that_nothing_declares_is_found() {
        dead(&[("a/src/lib.rs", "pub mod log;\n"), ("a/src/log.rs", "")], &[]);
        dead(&[("a/src/lib.rs", "// mod log;\n"), ("a/src/log.rs", "")], &["a/src/log.rs"]);
        dead(&[("a/src/lib.rs", ""), ("stray.rs", "")], &["stray.rs"]);
    }

    #[test]
    fn a_dead_file_keeps_nothing_alive() {
        dead(
            &[("a/src/lib.rs", ""), ("a/src/b.rs", "mod c;\n"), ("a/src/b/c.rs", "")],
            &["a/src/b.rs", "a/src/b/c.rs"],
        );
    }

    #[test]
    fn modules_are_looked_for_where_the_compiler_looks() {
        dead(
            &[
                ("a/app.rs", "mod shown;\n"),
                ("a/shown.rs", ""),
                ("a/src/main.rs", "mod b;\n#[path = \"odd/d.rs\"]\nmod e;\n"),
                ("a/src/b.rs", "pub(crate) mod c;\n"),
                ("a/src/b/c.rs", ""),
                ("a/src/odd/d.rs", ""),
                ("a/tests/tidy/main.rs", "mod text;\n"),
                ("a/tests/tidy/text.rs", ""),
                ("a/tests/wire.rs", ""),
                ("a/tests/tidy/lost.rs", ""),
            ],
            &["a/tests/tidy/lost.rs"],
        );
    }
}
