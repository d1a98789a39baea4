//! The README, executed: its commands run in order in a fresh directory, and what they print is
//! what stands below them.
//!
//! Each `sh` block goes through one bash, `set -eu`; the `text` block below it is its standard
//! output, and one without prints nothing. In such a text `...` is any text within a line, and a
//! line of only `...` is any number of lines: ids, times, and what would bore a reader. Nothing
//! else is forgiven. `cargo` is a script here that hands out what this build has made, and port
//! 8080 is a free one.
//!
//! It needs bash and curl; without them it says so and passes, except where the environment has
//! `CI=true`.

#![expect(clippy::unwrap_used, reason = "what a test prepares fails as loudly as what it claims")]

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process_group};

/// Longer than the commands ever take; a server that never answers ends the test here.
const PATIENCE: Duration = Duration::from_secs(300);
/// Printed behind each block, so that its output is told from the next one's.
const END_OF_BLOCK: char = '\u{1e}';

#[test]
fn the_readme_does_what_it_says() {
    if !has("bash") || !has("curl") {
        println!("there is no bash or no curl: the README is not executed");
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let readme = readme.replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"));
    let blocks = blocks(&readme);
    assert!(blocks.len() > 5, "the README has lost its commands: {} blocks", blocks.len());

    let directory = tempfile::tempdir().unwrap();
    symlink(root().join("fixtures"), directory.path().join("fixtures")).unwrap();
    let programs = directory.path().join(".programs");
    write_cargo(&programs);
    // What was started ends with the shell, also when a command failed.
    let mut script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for block in &blocks {
        script.push_str(&block.commands);
        script.push_str(&format!("printf '{END_OF_BLOCK}'\n"));
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let bash = Command::new("bash")
        .args(["-c", &script])
        .current_dir(directory.path())
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("COUNTERFOIL_LISTEN", format!("127.0.0.1:{port}"))
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(fs::File::create(directory.path().join("stderr")).unwrap()))
        .process_group(0)
        .spawn()
        .unwrap();
    let mut bash = Group(bash);
    let (said, is_good) = bash.output();
    let complaints = fs::read_to_string(directory.path().join("stderr")).unwrap();
    let mut outputs = said.split(END_OF_BLOCK);
    for block in &blocks {
        let output = outputs.next().unwrap_or_default();
        if let Err(why) = matches(&block.expected, &output.lines().collect::<Vec<_>>()) {
            panic!(
                "README.md, line {}: {why}\n--- commands\n{}--- printed\n{output}--- complained\n\
                 {complaints}",
                block.line, block.commands
            );
        }
    }
    assert!(is_good, "a command of the README failed:\n{complaints}");
}

/// Commands, the line they begin in, and what they print.
#[derive(Debug, Default)]
struct Block {
    line: usize,
    commands: String,
    expected: Vec<String>,
}

fn blocks(readme: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut fence: Option<&str> = None;
    for (number, line) in (1..).zip(readme.lines()) {
        match (fence, line.strip_prefix("```")) {
            (None, None) => (),
            (None, Some(language)) => {
                fence = Some(language);
                match language {
                    "sh" => blocks.push(Block { line: number + 1, ..Block::default() }),
                    "text" => assert!(!blocks.is_empty(), "line {number}: what printed this?"),
                    other => panic!("line {number}: {other:?} is neither sh nor text"),
                }
            }
            (Some(_), Some("")) => fence = None,
            (Some("sh"), _) => blocks.last_mut().unwrap().commands += &format!("{line}\n"),
            (Some(_), _) => blocks.last_mut().unwrap().expected.push(line.to_owned()),
        }
    }
    blocks
}

/// Whether lines are the expected ones; why not, otherwise.
fn matches(expected: &[String], found: &[&str]) -> Result<(), String> {
    let Some((first, rest)) = expected.split_first() else {
        return match found.first() {
            None => Ok(()),
            Some(line) => Err(format!("more was printed: {line}")),
        };
    };
    if first == "..." {
        let after = (0..=found.len()).find(|&skipped| matches(rest, &found[skipped..]).is_ok());
        return match (after, rest.first()) {
            (Some(_), _) => Ok(()),
            (None, None) => unreachable!("nothing more is expected of any rest"),
            (None, Some(next)) => Err(format!("never printed, or something after it: {next}")),
        };
    }
    match found.split_first() {
        None => Err(format!("not printed: {first}")),
        Some((line, others)) if line_matches(first, line) => matches(rest, others),
        Some((line, _)) => Err(format!("expected: {first}\nprinted: {line}")),
    }
}

/// Whether a line has the parts between the `...` of a pattern, in their order.
fn line_matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("...");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            None => return false,
            Some(at) => rest = &rest[at + part.len()..],
        }
    }
    rest.ends_with(last)
}

#[test]
fn room_is_left_only_where_dots_stand() {
    let good = |pattern: &str, line: &str| assert!(line_matches(pattern, line), "{pattern} {line}");
    let bad = |pattern: &str, line: &str| assert!(!line_matches(pattern, line), "{pattern} {line}");
    good("a", "a");
    good("...", "");
    good("a...c", "abc");
    good("...b...", "abc");
    good("a...b...b", "abxb");
    bad("a", "ab");
    bad("a...b", "abc");
    bad("a...b...b", "ab");
    bad("...70.64...", "70.65");
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(matches(&lines("a\n...\nd"), &["a", "b", "c", "d"]), Ok(()));
    assert_eq!(matches(&lines("a\n...\nd"), &["a", "d"]), Ok(()));
    assert!(matches(&lines("a\n...\nd"), &["a", "b", "d", "e"]).is_err());
    assert!(matches(&lines("a"), &[]).is_err());
    assert!(matches(&[], &["a"]).is_err());
}

/// A shell and whatever it has started; none of it outlives the test.
struct Group(Child);

impl Group {
    /// All that was printed, and whether it ended well.
    fn output(&mut self) -> (String, bool) {
        let mut stdout = self.0.stdout.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut said = String::new();
            let read = stdout.read_to_string(&mut said).map(|_| said);
            // Where nobody waits any more, nobody wants it.
            drop(sender.send(read));
        });
        // It ends when its last holder does, which is the server.
        let said = receiver.recv_timeout(PATIENCE);
        let said = said.unwrap_or_else(|_| panic!("the README's commands do not end")).unwrap();
        reader.join().unwrap();
        (said, self.0.wait().unwrap().success())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // There may be nothing left to kill.
        kill_process_group(Pid::from_child(&self.0), Signal::KILL).ok();
        self.0.wait().ok();
    }
}
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    let in_ci = std::env::var_os("CI").is_some_and(|it| it == "true");
    assert!(found || !in_ci, "the gate needs {program}");
    found
}

/// A `cargo` that knows the README's two commands and hands out what is built already.
fn write_cargo(programs: &Path) {
    let replay_tool = replay_tool();
    let script = format!(
        "#!/bin/sh\n\
         set -eu\n\
         case \"$*\" in\n\
         'run --release') exec '{}' ;;\n\
         'build --release -p replay-tool')\n\
           mkdir -p target/release\n\
           ln -s '{}' target/release/replay-tool ;;\n\
         *) echo \"the README may not call cargo $*\" >&2; exit 64 ;;\n\
         esac\n",
        env!("CARGO_BIN_EXE_counterfoil"),
        replay_tool.display()
    );
    fs::create_dir(programs).unwrap();
    let cargo = programs.join("cargo");
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The other package's program: beside ours where the whole workspace is tested, built here where
/// it is missing or older than its sources.
fn replay_tool() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_counterfoil")).with_file_name("replay-tool");
    if is_fresh(&beside) {
        return beside;
    }
    let profile = match beside.parent().unwrap().file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "-p", "replay-tool", "--profile", profile])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "replay-tool does not build");
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages =
        messages.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut built = messages.filter(|it| it["target"]["name"] == "replay-tool");
    built.find_map(|it| it["executable"].as_str().map(PathBuf::from)).unwrap()
}

/// Whether a program is newer than every source that cargo noted beside it.
fn is_fresh(program: &Path) -> bool {
    let modified = |path: &Path| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
    let (Some(built), Ok(noted)) =
        (modified(program), fs::read_to_string(program.with_extension("d")))
    else {
        return false;
    };
    let Some((_, sources)) = noted.split_once(": ") else { return false };
    let mut sources = sources.split_whitespace();
    sources.all(|source| modified(Path::new(source)).is_some_and(|it| it <= built))
}
