//! Which files are pure is told by their path, and a pure file reaches for nothing outside itself.
//!
//! clippy.toml bans the calls; this bans the names, in the files where no exception is right: no
//! clock, no chance, no float, no hash order, no disk, no net, no thread, no logging. Tests inside
//! such a file are not held to it.

use crate::repository::{File, Finding, Repository};

/// Where the code of the two pure crates begins.
const PURE: [&str; 2] = ["ledger-core/src/", "projections/src/"];

/// What in there is the rim: the log's engines, the machine that runs folds, and what drives tests.
const RIM: [&str; 8] = [
    "ledger-core/src/log/",
    "ledger-core/src/testing.rs",
    "ledger-core/src/testing/",
    "projections/src/replay.rs",
    "projections/src/store.rs",
    "projections/src/store/",
    "projections/src/worker.rs",
    "projections/src/worker/",
];

const REFUSED: [(&str, &str); 17] = [
    ("SystemTime", "a clock"),
    ("Instant", "a clock"),
    ("getrandom", "chance"),
    ("f32", "a float"),
    ("f64", "a float"),
    ("HashMap", "an order that differs between runs"),
    ("HashSet", "an order that differs between runs"),
    ("std::env", "the environment"),
    ("std::fs", "the disk"),
    ("std::io", "the world outside"),
    ("std::net", "the net"),
    ("std::process", "other programs"),
    ("std::thread", "threads"),
    ("tokio", "a runtime"),
    ("sled", "a store"),
    ("tracing", "the journal of the process"),
    ("unsafe", "memory nobody checks"),
];

fn is_pure(file: &File) -> bool {
    PURE.iter().any(|place| file.path.starts_with(place))
        && !RIM.iter().any(|place| file.path.starts_with(place))
        && file.name() != "tests.rs"
        && !file.path.contains("/tests/")
}

/// Names in pure files that belong to the rim.
pub(crate) fn impure(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in repository.rust().filter(|file| is_pure(file)) {
        // Inline tests stand at the end of a file.
        let code = file.lines().take_while(|(_, line)| !line.starts_with("mod tests {"));
        for (number, line) in code {
            let line = line.split("//").next().unwrap_or("");
            let refused = REFUSED.iter().find(|(name, _)| names(line, name));
            findings.extend(refused.map(|(name, what)| {
                Finding::at(file, number, format!("`{name}` is {what}, and this file is pure"))
            }));
        }
    }
    findings
}

/// Whether a line of code names a path or type; a text that merely holds the word does not.
fn names(line: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + name.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::tells_apart;

    #[test]
    fn every_name_of_the_rim_is_found_in_pure_code() {
        let lines: Vec<String> = REFUSED.iter().map(|(name, _)| format!("use {name};")).collect();
        for place in ["ledger-core/src/price.rs", "projections/src/usage.rs"] {
            let bad: Vec<(&str, &str)> = lines.iter().map(|line| (place, line.as_str())).collect();
            tells_apart(impure, &[], &bad);
        }
    }

    #[test]
    fn the_rim_comments_and_tests_may_name_them() {
        tells_apart(
            impure,
            &[
                ("ledger-core/src/log/embedded/writer.rs", "use std::fs;\n"),
                ("projections/src/worker.rs", "use std::thread;\n"),
                ("api/src/main.rs", "use tokio::net;\n"),
                ("ledger-core/src/price.rs", "// A HashMap would not do.\n"),
                ("ledger-core/src/price.rs", "const KIND: &str = \"sled\";\n"),
                ("ledger-core/src/price.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n"),
                ("ledger-core/src/price/tests.rs", "use std::fs;\n"),
            ],
            &[("ledger-core/src/log.rs", "use std::fs::File;\n")],
        );
    }
}
