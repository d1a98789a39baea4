//! The files of the repository, and what a rule finds in them.
//!
//! Git says which files there are, new ones that it does not ignore included, so that a rule speaks
//! before a commit and not after it. Where there is no git (a source archive) the tree is walked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What building and running leave behind; the walk goes around it, as `.gitignore` does.
const NOT_SOURCE: [&str; 4] = [".git", "target", "counterfoil-data", "__pycache__"];

/// One file: its path from the root with `/` between parts, and its text unless it is binary.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: Option<String>,
}

impl File {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub(crate) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or("")
    }

    /// The lines, counted as editors count them.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text().lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All files, sorted by path.
pub(crate) struct Repository {
    pub(crate) files: Vec<File>,
}

impl Repository {
    /// The repository this test was compiled in.
    pub(crate) fn here() -> Self {
        let root = root();
        let mut paths = listed(&root).unwrap_or_else(|| walked(&root));
        paths.sort();
        paths.dedup();
        let files = paths.into_iter().filter_map(|path| {
            // A file that was removed but not yet committed is still listed.
            let bytes = std::fs::read(root.join(&path)).ok()?;
            // Golden bytes are bytes, also where they happen to be text.
            let text = String::from_utf8(bytes).ok().filter(|_| !path.ends_with(".bin"));
            Some(File { path, text })
        });
        Self { files: files.collect() }
    }

    /// A repository of examples.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| File { path: (*path).into(), text: Some((*text).into()) })
            .collect();
        Self { files }
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    pub(crate) fn ending(&self, end: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.path.ends_with(end))
    }

    pub(crate) fn find(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(crate) fn holds_directory(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        self.files.iter().any(|file| file.path.starts_with(&inside))
    }
}

/// The directory of the workspace.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("ledger-core lies in the workspace").to_path_buf()
}

fn listed(root: &Path) -> Option<Vec<String>> {
    let git = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .ok()?;
    if !git.status.success() {
        return None;
    }
    let paths = String::from_utf8(git.stdout).expect("paths of the repository are ASCII");
    Some(paths.split_terminator('\0').map(str::to_owned).collect())
}

fn walked(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory of the tree is readable") {
            let path = entry.expect("a directory of the tree is readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if NOT_SOURCE.contains(&name.as_ref()) || name.ends_with(".pyc") {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else {
                let inside = path.strip_prefix(root).expect("the walk stays below its root");
                found.push(inside.to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    /// At a line of a file.
    pub(crate) fn at(file: &File, line: usize, what: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, what: what.into() }
    }

    /// In a file as a whole.
    pub(crate) fn of(file: &File, what: impl Into<String>) -> Self {
        Self::at(file, 1, what)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}:{}: {}", self.path, self.line, self.what)
    }
}

/// Asserts that a rule lets the good examples pass and finds exactly one thing in each bad one.
#[track_caller]
pub(crate) fn tells_apart(
    rule: impl Fn(&Repository) -> Vec<Finding>,
    good: &[(&str, &str)],
    bad: &[(&str, &str)],
) {
    for example in good {
        let findings = rule(&Repository::of(&[*example]));
        assert!(findings.is_empty(), "{example:?} is good, but {}", findings[0]);
    }
    for example in bad {
        let findings = rule(&Repository::of(&[*example]));
        assert_eq!(findings.len(), 1, "{example:?} is bad once, but {findings:?}");
    }
}

#[test]
fn git_and_the_walk_see_the_same_rust() {
    let rust = |mut paths: Vec<String>| {
        paths.retain(|path| path.ends_with(".rs"));
        paths.sort();
        paths
    };
    let walked = rust(walked(&root()));
    assert!(walked.iter().any(|path| path == "ledger-core/tests/tidy/repository.rs"));
    if let Some(listed) = listed(&root()) {
        let existing = listed.into_iter().filter(|path| root().join(path).exists()).collect();
        assert_eq!(rust(existing), walked);
    }
}
