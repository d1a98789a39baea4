//! Folders for tests: what is in one, and a copy that may be spoilt.

use std::path::{Path, PathBuf};

/// The files in a folder and below it, in order of their paths.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a test's folder can be read") {
        let path = entry.expect("a test's folder can be read").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Copies all that is in a folder into another, which is made where it is not there.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a test's folder can be made");
    for entry in std::fs::read_dir(from).expect("a test's folder can be read") {
        let path = entry.expect("a test's folder can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).expect("a test's file can be copied");
        }
    }
}
