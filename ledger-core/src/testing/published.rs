//! Examples that others published, read where somebody has them.
//!
//! They are others' data and no part of the repository. `COUNTERFOIL_REAL_FIXTURES` names their
//! directory; without it a test that asks for them says so and checks nothing, and the rules that
//! they would show have examples of our own. docs/examples.md names each sort of them.

use std::path::Path;

/// The variable that names their directory.
pub const VARIABLE: &str = "COUNTERFOIL_REAL_FIXTURES";

/// One file of them.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its place below the directory.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Published {
    /// The last part of its name.
    pub fn file_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// What it holds, as text.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.bytes).expect("the file is UTF-8")
    }

    /// What it holds, as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.bytes).expect("the file is JSON")
    }

    /// Says what became of it.
    #[expect(clippy::print_stdout, reason = "a verdict is for who brings the examples")]
    pub fn say(&self, verdict: impl std::fmt::Display) {
        println!("{}: {verdict}", self.name);
    }
}

/// Every file below a part of the directory, in the order of their names; none without it.
#[expect(clippy::print_stdout, reason = "a test that reads nothing says so")]
pub fn files(part: &str) -> Vec<Published> {
    let Some(root) = std::env::var_os(VARIABLE) else {
        println!("{VARIABLE} is not set: nothing of {part} was read");
        return Vec::new();
    };
    let root = Path::new(&root);
    let mut found = Vec::new();
    collect(root, &root.join(part), &mut found);
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<Published>) {
    // Another half of the examples may lack a part.
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            collect(root, &path, found);
            continue;
        }
        let name = path.strip_prefix(root).expect("it lies below the directory");
        let name = name.display().to_string();
        let bytes = std::fs::read(&path).expect("the file can be read");
        found.push(Published { name, bytes });
    }
}
