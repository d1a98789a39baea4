//! `replay-tool` reads a ledger directory offline and trusts nothing in it.
//!
//! It takes no lock, changes nothing, and needs no server. Exit codes: 0 it is as it should be,
//! 1 it is not (the first bad position is printed), 2 it could not be told, or the call was wrong.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ledger_core::log::Position;

mod audit;
mod directory;
mod list;
mod progress;
mod proof;
mod stat;
mod verdict;
mod verify;

use verdict::{Failure, Verdict};

/// Reads a ledger offline: what is in it, whether it is whole, and proofs about it.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 good, 1 bad (the first bad position is printed), \
                          2 could not tell.\nThe directory may be in use: readers take no lock.";

#[derive(Debug, Subcommand)]
enum Command {
    /// What a ledger directory holds: head, streams, segments, sizes.
    #[command(after_help = EXIT_CODES)]
    Stat {
        /// The ledger directory.
        dir: PathBuf,
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// The events, one a line.
    #[command(after_help = EXIT_CODES)]
    Log {
        /// The ledger directory.
        dir: PathBuf,
        /// Only this stream, such as `usage-acme.2026-04`.
        #[arg(long)]
        stream: Option<String>,
        /// Only from this position on; with --stream, from this revision on.
        #[arg(long, value_name = "N")]
        from: Option<u64>,
        /// One JSON object a line instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Checks every byte: frames, order, revisions, keys, canonical bodies, the tree, checkpoints.
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// The ledger directory.
        dir: PathBuf,
        /// A checkpoint kept outside: the ledger must contain what it signed.
        #[arg(long, value_name = "FILE")]
        from_checkpoint: Option<PathBuf>,
        /// The public key to trust; without it, the one in the directory, which proves less.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Prices an invoice again from the log alone and compares every line.
    #[command(after_help = EXIT_CODES)]
    Audit {
        /// The number of the invoice, such as INV-000001.
        invoice: String,
        /// The ledger directory.
        #[arg(long, value_name = "DIR", default_value = "./counterfoil-data/ledger")]
        dir: PathBuf,
        /// The issuer whose register gave the number.
        #[arg(long, default_value = "main")]
        issuer: String,
        /// Print the arithmetic behind each line too.
        #[arg(long)]
        explain: bool,
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Prints a proof that an event is under the last checkpoint, to be kept and checked anywhere.
    #[command(after_help = EXIT_CODES)]
    Proof {
        /// The ledger directory.
        dir: PathBuf,
        /// The position of the event.
        position: u64,
    },
    /// Checks a proof file. Needs no ledger.
    #[command(after_help = EXIT_CODES)]
    VerifyProof {
        /// The proof file.
        file: PathBuf,
        /// The public key to trust. Never take it from whoever gave you the proof.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    let result = match cli.command {
        Command::Stat { dir, json } => stat::run(&dir, json, &mut out),
        Command::Log { dir, stream, from, json } => {
            list::run(&dir, stream.as_deref(), from, json, &mut out)
        }
        Command::Verify { dir, from_checkpoint, key, json } => {
            let options = verify::Options { from_checkpoint, key, json };
            verify::run(&dir, &options, &mut out)
        }
        Command::Audit { invoice, dir, issuer, explain, json } => {
            let asked = audit::Asked { invoice, issuer, explain, json };
            audit::run(&dir, &asked, &mut out)
        }
        Command::Proof { dir, position } => proof::run(&dir, Position::new(position), &mut out),
        Command::VerifyProof { file, key, json } => proof::verify(&file, &key, json, &mut out),
    };
    let flushed = out.flush();
    match result.and_then(|verdict| flushed.map(|()| verdict).map_err(Failure::Output)) {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        // Whoever reads our output has seen enough.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            report(&failure);
            ExitCode::from(2)
        }
    }
}

/// Prints an error and what caused it, each cause on its own line.
#[expect(clippy::print_stderr, reason = "this is the program's own voice")]
fn report(failure: &Failure) {
    let (bold, plain) = match std::io::stderr().is_terminal() {
        true => ("\x1b[1m", "\x1b[0m"),
        false => ("", ""),
    };
    eprintln!("{bold}replay-tool:{plain} {failure}");
    let mut cause = std::error::Error::source(failure);
    while let Some(error) = cause {
        eprintln!("  because {error}");
        cause = error.source();
    }
}
