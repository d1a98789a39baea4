//! A process of its own that appends to a ledger on the file system and says what was answered.
//!
//! It is the test's own executable, started again with a few words in its environment, so there is
//! nothing to install and nothing to find. What it appends follows from a seed alone, so whoever
//! started it knows what was submitted without being told. It says a line before it opens, one when
//! it is open, and one after each answered group; what was said before a kill is what was promised.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use crate::log::embedded::{EmbeddedLog, HighWater, Options, Threads};
use crate::log::storage::FileSystem;
use crate::log::{AppendError, EventLog as _};

use super::model::{Bounds, Model};
use super::workload::Workload;

const TOLD: &str = "COUNTERFOIL_TEST_PROCESS";

/// What a process is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The ledger's directory.
    pub directory: PathBuf,
    /// Decides what is appended.
    pub seed: u64,
    /// How many groups, unless it is killed before.
    pub groups: usize,
    /// Appends in each group.
    pub group_appends: usize,
    /// Bytes of a segment, if the ledger is new.
    pub segment_bytes: u64,
    /// When the mark becomes durable.
    pub high_water: HighWater,
    /// Whether background work is done between groups, in the same order every time.
    pub is_orderly: bool,
}

/// How far a process came, by what it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    /// Nothing yet.
    Nothing,
    /// It is about to open the ledger.
    Opening,
    /// The ledger is open.
    Open,
    /// So many groups were answered.
    Answered(usize),
    /// The ledger is closed in order.
    Closed,
}

impl Work {
    fn options(&self) -> Options {
        let threads = if self.is_orderly { Threads::Caller } else { Threads::Own };
        Options {
            segment_bytes: self.segment_bytes,
            high_water: self.high_water,
            threads,
            ..Options::default()
        }
    }

    /// Opens the ledger as the process does.
    pub fn open(&self) -> Result<EmbeddedLog, String> {
        let storage = FileSystem::open(&self.directory).map_err(|error| error.to_string())?;
        EmbeddedLog::open(Arc::new(storage), self.options()).map_err(|error| format!("{error:?}"))
    }

    /// This executable, told to do the work in the test of this name.
    pub fn command(&self, test: &str) -> io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
        command.env(TOLD, self.spelled());
        Ok(command)
    }

    fn spelled(&self) -> String {
        let strict = self.high_water == HighWater::Strict;
        let Self { seed, groups, group_appends, segment_bytes, is_orderly, .. } = self;
        let directory = self.directory.display();
        format!("{seed} {groups} {group_appends} {segment_bytes} {strict} {is_orderly} {directory}")
    }

    fn told() -> Option<Self> {
        let told = std::env::var(TOLD).ok()?;
        let mut words = told.splitn(7, ' ');
        let mut word = || words.next();
        Some(Self {
            seed: word()?.parse().ok()?,
            groups: word()?.parse().ok()?,
            group_appends: word()?.parse().ok()?,
            segment_bytes: word()?.parse().ok()?,
            high_water: match word()? {
                "true" => HighWater::Strict,
                _ => HighWater::Trailing,
            },
            is_orderly: word()? == "true",
            directory: word()?.into(),
        })
    }

    /// Takes what was submitted into the model, as if answered up to the group said, and answers
    /// what must and what may be found now.
    pub fn expect(&self, model: &mut Model, said: Said) -> Result<Bounds, String> {
        let answered = match said {
            Said::Nothing | Said::Opening | Said::Open => 0,
            Said::Answered(groups) => groups,
            Said::Closed => self.groups,
        };
        let mut bounds = Bounds { required: model.len(), possible: model.len() };
        let unknown = Err(AppendError::Stopped { why: String::new() });
        let mut workload = Workload::new(self.seed);
        for group in 0..self.groups.min(answered + 1) {
            for _ in 0..self.group_appends {
                model.take(&workload.next(&Model::new()), &unknown)?;
            }
            if group < answered {
                bounds.required = model.len();
            }
            bounds.possible = model.len();
        }
        Ok(bounds)
    }
}

/// Does the work this process was told to do; answers false when it was told nothing.
///
/// Answers are not judged here: what was recorded is judged by whoever started the process.
pub fn work_if_told() -> bool {
    let Some(work) = Work::told() else { return false };
    say("opening");
    match work.open() {
        Ok(log) => {
            say("open");
            if append_all(&work, &log) && log.close().is_ok() {
                say("closed");
            }
        }
        Err(error) => say(&format!("refused {error}")),
    }
    true
}

fn append_all(work: &Work, log: &EmbeddedLog) -> bool {
    let mut workload = Workload::new(work.seed);
    for group in 0..work.groups {
        let appends: Vec<_> =
            (0..work.group_appends).map(|_| workload.next(&Model::new())).collect();
        let asked: Vec<_> = appends.into_iter().map(|append| log.append(append)).collect();
        for answer in asked {
            if let Err(AppendError::Stopped { why }) = answer.wait() {
                say(&format!("stopped {why}"));
                return false;
            }
        }
        say(&format!("answered {}", group + 1));
        if work.is_orderly && group % 4 == 3 {
            while log.work_once() {}
        }
    }
    true
}

/// One write for one line, so that a kill leaves whole lines.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Whoever listened may be gone; then nobody needs to know.
    drop(out.write_all(format!("says: {line}\n").as_bytes()).and_then(|()| out.flush()));
}

/// A process at work.
#[derive(Debug)]
pub struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
    said: Said,
}

impl Process {
    /// Starts a command made by [`Work::command`], or one that runs it.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, out: BufReader::new(out), said: Said::Nothing })
    }

    /// Listens until this was said, or more, or nothing more comes. Answers what was said last.
    pub fn listen(&mut self, until: Said) -> io::Result<Said> {
        let mut line = String::new();
        while self.said < until {
            line.clear();
            if self.out.read_line(&mut line)? == 0 {
                break;
            }
            // A line that a kill cut has no end and promised nothing.
            let Some(said) = line.strip_suffix('\n').and_then(said) else { continue };
            self.said = said;
        }
        Ok(self.said)
    }

    /// Kills it where it stands, and listens to what it had said by then.
    pub fn kill(mut self) -> io::Result<Said> {
        self.child.kill()?;
        self.child.wait()?;
        self.listen(Said::Closed)
    }

    /// Waits for its end.
    pub fn finish(mut self) -> io::Result<Said> {
        let said = self.listen(Said::Closed)?;
        self.child.wait()?;
        Ok(said)
    }
}

fn said(line: &str) -> Option<Said> {
    let (_, line) = line.split_once("says: ")?;
    match line.split_once(' ') {
        Some(("answered", groups)) => groups.parse().ok().map(Said::Answered),
        _ if line == "opening" => Some(Said::Opening),
        _ if line == "open" => Some(Said::Open),
        _ if line == "closed" => Some(Said::Closed),
        _ => None,
    }
}

/// Writes the files of a directory that a simulated disk holds, so that a process finds them.
pub fn write_out(snapshot: &super::disk::Snapshot, directory: &Path) -> io::Result<()> {
    for path in snapshot.paths() {
        let to = directory.join(&path);
        if let Some(above) = to.parent() {
            std::fs::create_dir_all(above)?;
        }
        std::fs::write(to, snapshot.contents(&path).unwrap_or_default())?;
    }
    Ok(())
}
