//! The derived indexes of sealed segments: opened, and made again where they are missing.

use std::ops::Range;
use std::sync::Arc;

use crate::log::storage::Storage;

use super::layout::{INDEX_DIR, Identity};
use super::mapped::mapped;
use super::open_error::OpenError;
use super::raw::{NameKind, Names, RawRecord};
use super::runs::{PageCache, RunKind, Runs, RunsError, RunsPlace, RunsWriter};
use super::sealed_segment::SealedSegment;
use super::spelling::NameHash;

/// Pages of the indexes in memory at most, whatever the length of the log: the filters of ninety
/// million keys. Beyond that each new key waits for a read of a file.
const CACHE_BYTES: usize = 128 * 1024 * 1024;

/// What one segment adds to the indexes.
#[derive(Debug)]
pub(crate) struct Entries {
    /// Key hash and position.
    pub(crate) keys: Vec<(u64, u64)>,
    /// Stream hash and segment.
    pub(crate) streams: Vec<(u64, u64)>,
    hash: NameHash,
}

impl Entries {
    /// None yet, of a ledger.
    pub(crate) fn none(identity: &Identity) -> Self {
        let hash = NameHash::new(identity.hash_key);
        Self { keys: mapped(0), streams: Vec::new(), hash }
    }

    /// Adds what a record of the segment adds.
    pub(crate) fn add(&mut self, names: &Names, record: &RawRecord<'_>) {
        let Some(key) = &record.key else { return };
        // Whoever reads rows has refused numbers without a name.
        let Some(source) = names.text(NameKind::Source, key.source) else { return };
        let hash = self.hash.key(source, key.is_uuid, key.id, key.index);
        self.keys.push((hash, record.position));
    }

    /// Adds the segment's streams: they are all of its names.
    pub(crate) fn end(mut self, names: &Names, segment: u32) -> Self {
        let names = names.texts(NameKind::Stream);
        let number = u64::from(segment);
        self.streams.extend(names.iter().map(|name| (self.hash.stream(name), number)));
        self
    }
}

fn places(storage: &Arc<dyn Storage>, identity: &Identity) -> (RunsPlace, RunsPlace) {
    let place = |kind, cache: &Arc<PageCache>| RunsPlace {
        storage: Arc::clone(storage),
        directory: INDEX_DIR.to_owned(),
        ledger: identity.ledger,
        kind,
        cache: Arc::clone(cache),
    };
    let cache = PageCache::new(CACHE_BYTES);
    (place(RunKind::Keys, &cache), place(RunKind::Streams, &cache))
}

fn failed(error: RunsError) -> OpenError {
    match error {
        RunsError::Io { file, source } => OpenError::Io { what: "use", path: file, source },
        RunsError::Foreign { file, expected, found } => {
            OpenError::Foreign { file, expected, found }
        }
        other @ (RunsError::Damaged { .. } | RunsError::Unsettled { .. }) => {
            OpenError::Index { what: other.to_string() }
        }
    }
}

/// Opens the indexes for the writer and fills their gaps from the segments.
pub(crate) fn open(
    storage: &Arc<dyn Storage>,
    identity: &Identity,
    sealed: &[Arc<SealedSegment>],
) -> Result<(RunsWriter, RunsWriter), OpenError> {
    let (keys, streams) = places(storage, identity);
    let end = u64::try_from(sealed.len()).unwrap_or(u64::MAX).saturating_add(1);
    let segments = 1..end;
    let keys = RunsWriter::open(keys, &segments).map_err(failed)?;
    let streams = RunsWriter::open(streams, &segments).map_err(failed)?;
    for damaged in keys.damaged.iter().chain(&streams.damaged) {
        tracing::warn!(error = %damaged, "an index is made again");
    }
    let is_in = |gaps: &[Range<u64>], segment: u64| gaps.iter().any(|gap| gap.contains(&segment));
    for segment in sealed {
        let number = u64::from(segment.segment());
        let (needs_keys, needs_streams) = (is_in(&keys.gaps, number), is_in(&streams.gaps, number));
        if !needs_keys && !needs_streams {
            continue;
        }
        let entries = entries_of(segment, identity)?;
        if needs_keys {
            keys.writer.add(number, entries.keys).map_err(failed)?;
        }
        if needs_streams {
            streams.writer.add(number, entries.streams).map_err(failed)?;
        }
    }
    Ok((keys.writer, streams.writer))
}

/// Opens what the writer has finished, for a reader beside it.
pub(crate) fn open_read_only(
    storage: &Arc<dyn Storage>,
    identity: &Identity,
) -> Result<(Arc<Runs>, Arc<Runs>), OpenError> {
    let (keys, streams) = places(storage, identity);
    let keys = Runs::open_read_only(keys).map_err(failed)?;
    let streams = Runs::open_read_only(streams).map_err(failed)?;
    Ok((Arc::new(keys), Arc::new(streams)))
}

/// What a sealed segment adds to the indexes, read from itself.
pub(crate) fn entries_of(
    segment: &SealedSegment,
    identity: &Identity,
) -> Result<Entries, OpenError> {
    let mut entries = Entries::none(identity);
    let names = segment.each(|names, record| entries.add(names, record));
    let names = names.map_err(|error| OpenError::Index { what: error.to_string() })?;
    Ok(entries.end(&names, segment.segment()))
}
