//! How a command ends: the ledger is good, it is bad, or nobody can tell.

use std::io;
use std::path::PathBuf;

use ledger_core::billing::{AuditError, BasisError, GatherError};
use ledger_core::fold::FoldError;
use ledger_core::log::embedded::OpenError;
use ledger_core::log::keeper::KeeperError;
use ledger_core::log::prover::ProverError;
use ledger_core::log::{Position, ReadError};

/// What was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is as it should be.
    Good,
    /// It is not, and what was printed says where.
    Bad,
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot open {path}")]
    Directory { path: PathBuf, source: io::Error },
    #[error("{path} does not open as a ledger")]
    Open { path: PathBuf, source: OpenError },
    #[error("cannot read {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} is not {what}: {why}")]
    Malformed { path: PathBuf, what: &'static str, why: String },
    #[error("{text:?} is not a stream, such as usage-acme.2026-04 or catalog")]
    Stream { text: String },
    #[error("there is no event at position {position}; the ledger ends at {head}")]
    NoSuchPosition { position: Position, head: Position },
    #[error("{text:?} is not {what}: {why}")]
    Argument { text: String, what: &'static str, why: String },
    #[error("{issuer} never gave out the number {invoice}, or its document was not issued")]
    NoSuchInvoice { issuer: String, invoice: String },
    #[error("a stream cannot be folded")]
    Fold(#[from] FoldError),
    #[error("the invoice cannot be audited")]
    Audit(#[from] AuditError),
    #[error("what the invoice rests on cannot be gathered")]
    Gather(#[from] GatherError),
    #[error("the invoice cannot be explained")]
    Explain(#[from] BasisError),
    #[error("there is no public key in the directory: no checkpoint was ever signed here")]
    NoKey,
    #[error("the ledger cannot be read")]
    Read(#[from] ReadError),
    #[error("the proof cannot be read")]
    Keep(#[from] KeeperError),
    #[error("the tree cannot be computed")]
    Prove(#[from] ProverError),
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}
