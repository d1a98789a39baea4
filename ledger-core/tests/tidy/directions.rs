//! The directions of dependency: `ledger-core <- projections <- { api, replay-tool }`, never
//! sideways, and what each crate may pull in when it is built by itself.
//!
//! Asked of cargo, offline, with the committed lock file. "Offline" in the replay tool's promise is
//! hereby a fact of its build: nothing in it can open a socket or a store.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::repository::root;

/// What each crate of ours may depend on, tests included.
const ALLOWED: [(&str, &[&str]); 7] = [
    ("ledger-core", &[]),
    ("projections", &["ledger-core"]),
    ("fixtures", &["ledger-core", "projections"]),
    ("api", &["ledger-core", "projections"]),
    ("replay-tool", &["ledger-core", "projections"]),
    ("bench", &["ledger-core", "projections", "fixtures"]),
    ("fuzz", &["ledger-core"]),
];
/// Tests of every crate may read the stories.
const FOR_TESTS: &str = "fixtures";

/// What the normal tree of a crate, built by itself with its default features, never holds.
const NEVER: [(&str, &[&str]); 4] = [
    ("ledger-core", &["tokio", "sled", "axum", "hyper", "eventstore", "proptest"]),
    ("projections", &["tokio", "sled", "axum", "hyper", "eventstore", "proptest"]),
    (
        "replay-tool",
        &["tokio", "sled", "axum", "hyper", "eventstore", "proptest", "mio", "socket2"],
    ),
    ("api", &["eventstore", "proptest", "rusqlite", "redb", "postgres", "openssl-sys"]),
];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(arguments)
        .output()
        .expect("the cargo that built this test runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {complaint}");
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// One direct dependency between two crates of ours.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    for_tests: bool,
}

fn edges(metadata: &Value) -> BTreeSet<Edge> {
    let packages = metadata["packages"].as_array().expect("metadata lists the packages");
    let name = |value: &Value| value["name"].as_str().expect("a package has a name").to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let mut edges = BTreeSet::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let (from, to) = (name(package), name(dependency));
            let for_tests = dependency["kind"] == "dev";
            // A crate turns its own features on for its tests by depending on itself.
            if ours.contains(&to) && !(from == to && for_tests) {
                edges.insert(Edge { from, to, for_tests });
            }
        }
    }
    edges
}

fn sideways(edges: &BTreeSet<Edge>) -> Vec<&Edge> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    let wrong = edges.iter().filter(|edge| {
        let down = allowed.get(&*edge.from).is_some_and(|may| may.contains(&&*edge.to));
        let stories = edge.for_tests && edge.to == FOR_TESTS && edge.from != FOR_TESTS;
        !(down || stories)
    });
    wrong.collect()
}

/// The names in what `cargo tree --prefix none` printed.
fn crates(tree: &str) -> BTreeSet<&str> {
    tree.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty()).collect()
}

#[test]
fn no_crate_depends_sideways() {
    let metadata = cargo(&["metadata", "--format-version=1", "--offline", "--locked", "--no-deps"]);
    let metadata = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let edges = edges(&metadata);
    assert_eq!(sideways(&edges), Vec::<&Edge>::new());
}

#[test]
fn every_crate_has_its_place_in_the_order() {
    let metadata = cargo(&["metadata", "--format-version=1", "--offline", "--locked", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("metadata lists the packages");
    let ours: BTreeSet<&str> = packages.iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(ours, ALLOWED.iter().map(|(name, _)| *name).collect());
}

/// For the target at hand: what other targets need has not been downloaded where nothing but the
/// tests was asked for.
#[test]
fn what_is_built_offline_holds_no_net_and_no_store() {
    for (package, never) in NEVER {
        let tree = cargo(&[
            "tree",
            "--offline",
            "--locked",
            "--edges=normal",
            "--prefix=none",
            "--package",
            package,
        ]);
        let crates = crates(&tree);
        assert!(crates.contains(package), "cargo tree of {package} printed {tree}");
        let held: Vec<&&str> = never.iter().filter(|name| crates.contains(**name)).collect();
        assert!(held.is_empty(), "{package} holds {held:?}");
    }
}

#[test]
fn an_edge_sideways_is_found() {
    let edge =
        |from: &str, to: &str, for_tests| Edge { from: from.into(), to: to.into(), for_tests };
    let wrong = [
        edge("ledger-core", "projections", false),
        edge("projections", "projections", false),
        edge("api", "replay-tool", false),
        edge("replay-tool", "api", true),
        edge("api", "fixtures", false),
        edge("unheard-of", "ledger-core", false),
    ];
    let right = [
        edge("api", "projections", false),
        edge("replay-tool", "ledger-core", false),
        edge("ledger-core", "fixtures", true),
    ];
    let all: BTreeSet<Edge> = wrong.into_iter().chain(right).collect();
    assert_eq!(sideways(&all).len(), 6);
}

#[test]
fn edges_and_crates_are_read_from_what_cargo_prints() {
    let metadata = serde_json::json!({"packages": [
        {"name": "a", "dependencies": [
            {"name": "b", "kind": null},
            {"name": "serde", "kind": null},
            {"name": "a", "kind": "dev"},
        ]},
        {"name": "b", "dependencies": [{"name": "a", "kind": "dev"}]},
    ]});
    let expected = [
        Edge { from: "a".into(), to: "b".into(), for_tests: false },
        Edge { from: "b".into(), to: "a".into(), for_tests: true },
    ];
    assert_eq!(edges(&metadata), expected.into_iter().collect());
    let tree = "a v0.1.0 (/x)\nserde v1.0.229\nserde v1.0.229 (*)\n";
    assert_eq!(crates(tree), ["a", "serde"].into_iter().collect());
}
