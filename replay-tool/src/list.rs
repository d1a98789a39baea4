//! `replay-tool log`: the events, one a line.

use std::io::Write;
use std::path::Path;

use ledger_core::log::{Position, ReadStream, Record, Revision};
use ledger_core::stream::Stream;

use crate::directory;
use crate::verdict::{Failure, Verdict};

pub(crate) fn run(
    dir: &Path,
    stream: Option<&str>,
    from: Option<u64>,
    json: bool,
    out: &mut impl Write,
) -> Result<Verdict, Failure> {
    let storage = directory::storage(dir)?;
    let reader = directory::reader(dir, &storage)?;
    let records = match stream {
        Some(text) => {
            let stream: Stream =
                text.parse().map_err(|_| Failure::Stream { text: text.to_owned() })?;
            let from = Revision::new(from.unwrap_or(0));
            reader.read_stream(&stream, ReadStream::Forwards(from))?
        }
        None => reader.read_all(Position::new(from.unwrap_or(1).saturating_sub(1)))?,
    };
    for record in records {
        let record = record?;
        if json {
            serde_json::to_writer(&mut *out, &record).map_err(std::io::Error::from)?;
            writeln!(out)?;
        } else {
            write_line(&record, out)?;
        }
    }
    Ok(Verdict::Good)
}

/// Position, time, stream@revision, wire name, who, and the body.
fn write_line(record: &Record, out: &mut impl Write) -> Result<(), Failure> {
    let spelled = serde_json::to_value(record).map_err(std::io::Error::from)?;
    let data = spelled.get("data").unwrap_or(&spelled);
    writeln!(
        out,
        "{:>8}  {}  {}@{}  {}  {}  {data}",
        record.position,
        record.occurred_at,
        record.stream,
        record.revision,
        record.wire_name(),
        record.actor.who,
    )?;
    Ok(())
}
