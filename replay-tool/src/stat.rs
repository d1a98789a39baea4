//! `replay-tool stat`: what a ledger directory holds.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use ledger_core::log::Position;
use ledger_core::log::embedded::LogReader;
use serde::Serialize;

use crate::directory;
use crate::progress::Progress;
use crate::verdict::{Failure, Verdict};

/// What a ledger directory holds.
#[derive(Debug, Serialize)]
struct Stat {
    ledger: String,
    head: u64,
    events: u64,
    streams: usize,
    first_recorded_at: Option<String>,
    last_recorded_at: Option<String>,
    sealed_segments: usize,
    unsealed_segments: usize,
    /// Bytes on disk by part of the directory.
    bytes: BTreeMap<&'static str, u64>,
    /// Events by wire name.
    wires: BTreeMap<String, u64>,
}

pub(crate) fn run(dir: &Path, json: bool, out: &mut impl Write) -> Result<Verdict, Failure> {
    let storage = directory::storage(dir)?;
    let reader = directory::reader(dir, &storage)?;
    let stat = stat(dir, &reader)?;
    if json {
        serde_json::to_writer(&mut *out, &stat).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(Verdict::Good);
    }
    writeln!(out, "ledger             {}", stat.ledger)?;
    writeln!(out, "head               {}", stat.head)?;
    writeln!(out, "events             {}", stat.events)?;
    writeln!(out, "streams            {}", stat.streams)?;
    let none = || "-".to_owned();
    writeln!(out, "first recorded at  {}", stat.first_recorded_at.unwrap_or_else(none))?;
    writeln!(out, "last recorded at   {}", stat.last_recorded_at.unwrap_or_else(none))?;
    writeln!(
        out,
        "segments           {} sealed, {} unsealed",
        stat.sealed_segments, stat.unsealed_segments
    )?;
    for (part, bytes) in &stat.bytes {
        writeln!(out, "bytes in {part:<10} {bytes}")?;
    }
    for (wire, events) in &stat.wires {
        writeln!(out, "{events:>12}  {wire}")?;
    }
    Ok(Verdict::Good)
}

fn stat(dir: &Path, reader: &LogReader) -> Result<Stat, Failure> {
    let mut progress = Progress::new(reader.head().get(), "reading");
    let mut wires: BTreeMap<String, u64> = BTreeMap::new();
    let mut streams: BTreeMap<String, u64> = BTreeMap::new();
    let (mut first, mut last, mut events) = (None, None, 0_u64);
    reader.scan(Position::ORIGIN).for_each(|record| {
        *wires.entry(record.wire().to_owned()).or_default() += 1;
        if !streams.contains_key(record.stream()) {
            streams.insert(record.stream().to_owned(), 0);
        }
        first = first.or(Some(record.recorded_at_micros()));
        last = Some(record.recorded_at_micros());
        events += 1;
        progress.step();
        Ok(())
    })?;
    progress.finish();
    let names = |suffix: &str| -> usize {
        let listed = fs::read_dir(dir.join("segments")).into_iter().flatten().flatten();
        listed.filter(|it| it.file_name().to_string_lossy().ends_with(suffix)).count()
    };
    let time = |micros: Option<i64>| {
        let micros = micros?;
        let instant = ledger_core::time::Timestamp::from_micros(micros).ok()?;
        Some(instant.to_string())
    };
    let mut bytes = BTreeMap::new();
    for part in ["segments", "index", "tiles", "quarantine"] {
        let listed = bytes_in(&dir.join(part));
        let listed = listed.map_err(|source| Failure::File { path: dir.join(part), source })?;
        bytes.insert(part, listed);
    }
    Ok(Stat {
        ledger: reader.ledger().to_string(),
        head: reader.head().get(),
        events,
        streams: streams.len(),
        first_recorded_at: time(first),
        last_recorded_at: time(last),
        sealed_segments: names(".sealed"),
        unsealed_segments: names(".log"),
        bytes,
        wires,
    })
}

/// Bytes of all files below a directory; none when it is not there.
fn bytes_in(dir: &Path) -> std::io::Result<u64> {
    let listed = match fs::read_dir(dir) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut total = 0_u64;
    for entry in listed {
        let entry = entry?;
        let facts = entry.metadata()?;
        total += if facts.is_dir() { bytes_in(&entry.path())? } else { facts.len() };
    }
    Ok(total)
}
