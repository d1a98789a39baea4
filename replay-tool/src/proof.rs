//! `replay-tool proof` and `verify-proof`: that an event is in the ledger, shown without it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ledger_core::cause::in_one_line;
use ledger_core::log::Position;
use ledger_core::log::embedded::Leaves;
use ledger_core::log::keeper::{Salting, Secrets, prove, verifier_key};
use ledger_core::proof::{Disclosure, LeafError, ProofFile};
use serde::Serialize;

use crate::directory;
use crate::verdict::{Failure, Verdict};
use crate::verify::read_key;

/// Prints the proof file of one event, disclosing it.
pub(crate) fn run(
    dir: &Path,
    position: Position,
    out: &mut impl Write,
) -> Result<Verdict, Failure> {
    let storage = directory::storage(dir)?;
    let reader = directory::reader(dir, &storage)?;
    let head = reader.head();
    let Some(index) = position.get().checked_sub(1).filter(|_| position <= head) else {
        return Err(Failure::NoSuchPosition { position, head });
    };
    let key = verifier_key(&storage)?.ok_or(Failure::NoKey)?;
    let secrets = Secrets::load(&storage)?.unwrap_or_default();
    let mut leaves = Leaves::new(reader.ledger());
    let mut disclosure: Option<Result<Disclosure, LeafError>> = None;
    reader.scan(Position::new(index)).next_piece(|record| {
        if record.position() != position {
            return Ok(());
        }
        disclosure = leaves.with_leaf(index, &record, |leaf, scope| {
            match secrets.salting(scope, index) {
                Salting::Known(salter) => Some(Disclosure::of_event(leaf, &salter.salt(index))),
                Salting::Erased | Salting::Unknown => None,
            }
        })?;
        Ok(())
    })?;
    let extra = disclosure.transpose().map_err(|error| Failure::Malformed {
        path: dir.to_owned(),
        what: "a ledger with leaves",
        why: error.to_string(),
    })?;
    let proof = prove(&Arc::clone(&storage), &key, index, extra.map(|it| it.encode()))?;
    write!(out, "{proof}")?;
    Ok(Verdict::Good)
}

/// What a proof shows.
#[derive(Debug, Serialize)]
struct Shown {
    verdict: &'static str,
    why: Option<String>,
    origin: Option<String>,
    index: Option<u64>,
    covered: Option<u64>,
    root: Option<String>,
    stream: Option<String>,
    revision: Option<u64>,
    r#type: Option<String>,
    occurred_at: Option<String>,
    recorded_at: Option<String>,
    who: Option<String>,
    data: Option<serde_json::Value>,
}

/// Checks a proof file against a key from elsewhere.
pub(crate) fn verify(
    file: &Path,
    key: &Path,
    json: bool,
    out: &mut impl Write,
) -> Result<Verdict, Failure> {
    let key = read_key(key)?;
    let text = fs::read_to_string(file)
        .map_err(|source| Failure::File { path: file.to_owned(), source })?;
    let malformed = |why: String| Failure::Malformed {
        path: file.to_owned(),
        what: "a proof of an event",
        why,
    };
    let proof: ProofFile = text.parse().map_err(|error| malformed(in_one_line(&error)))?;
    let extra = proof.extra.as_deref().unwrap_or_default();
    let disclosure = Disclosure::parse(extra).map_err(|error| malformed(in_one_line(&error)))?;
    let shown = match judge(&proof, &disclosure, &key) {
        Ok(shown) => shown,
        Err(why) => Shown { verdict: "bad", why: Some(why), ..nothing() },
    };
    let verdict = if shown.why.is_none() { Verdict::Good } else { Verdict::Bad };
    if json {
        serde_json::to_writer(&mut *out, &shown).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        print(&shown, out)?;
    }
    Ok(verdict)
}

fn judge(
    proof: &ProofFile,
    disclosure: &Disclosure,
    key: &ledger_core::proof::VerifierKey,
) -> Result<Shown, String> {
    let disclosed = disclosure.check().map_err(|error| in_one_line(&error))?;
    let origin = key.name().as_str();
    let checkpoint =
        proof.verify(disclosed.hash, key, origin).map_err(|error| in_one_line(&error))?;
    if disclosed.leaf.index != proof.index {
        return Err(format!(
            "the leaf says it is {}, the proof says {}",
            disclosed.leaf.index, proof.index
        ));
    }
    let mut shown = Shown {
        verdict: "good",
        origin: Some(origin.to_owned()),
        index: Some(proof.index),
        covered: Some(checkpoint.head.size),
        root: Some(checkpoint.head.root.to_string()),
        stream: Some(disclosed.leaf.stream.to_owned()),
        revision: Some(disclosed.leaf.revision.get()),
        r#type: Some(disclosed.leaf.wire.to_owned()),
        occurred_at: Some(disclosed.leaf.occurred_at.to_string()),
        recorded_at: Some(disclosed.leaf.recorded_at.to_string()),
        ..nothing()
    };
    if let Some(body) = disclosed.body {
        let event = ledger_core::event::Event::decode(disclosed.leaf.wire, body.bytes)
            .map_err(|error| error.to_string())?;
        let event = serde_json::to_value(&event).map_err(|error| error.to_string())?;
        shown.who = Some(body.who.to_owned());
        shown.data = event.get("data").cloned();
    }
    Ok(shown)
}

fn nothing() -> Shown {
    Shown {
        verdict: "",
        why: None,
        origin: None,
        index: None,
        covered: None,
        root: None,
        stream: None,
        revision: None,
        r#type: None,
        occurred_at: None,
        recorded_at: None,
        who: None,
        data: None,
    }
}

fn print(shown: &Shown, out: &mut impl Write) -> Result<(), Failure> {
    if let Some(why) = &shown.why {
        writeln!(out, "BAD: {why}")?;
        return Ok(());
    }
    let fields = [
        ("origin", &shown.origin),
        ("root", &shown.root),
        ("stream", &shown.stream),
        ("type", &shown.r#type),
        ("occurred at", &shown.occurred_at),
        ("recorded at", &shown.recorded_at),
        ("who", &shown.who),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            writeln!(out, "{name:<12} {value}")?;
        }
    }
    if let (Some(index), Some(covered)) = (shown.index, shown.covered) {
        writeln!(out, "leaf         {index} of {covered}")?;
    }
    if let Some(data) = &shown.data {
        writeln!(out, "data         {data}")?;
    }
    writeln!(out, "good")?;
    Ok(())
}
