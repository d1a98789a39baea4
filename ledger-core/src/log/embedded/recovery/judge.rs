//! What is in the directory, judged, before anything is changed: where the log ends, what lies
//! behind its end, and whether anything acknowledged is missing.

use std::io;
use std::sync::Arc;

use crate::log::Position;
use crate::log::embedded::layout::{self, Identity};
use crate::log::embedded::mark::Mark;
use crate::log::embedded::open_error::OpenError;
use crate::log::embedded::scan::{Begin, Scan, ScanError, scan};
use crate::log::embedded::sealed_segment::SealedSegment;
use crate::log::storage::Storage;

use super::directory::{Listing, after, list_segments, open_sealed, read_mark, verify};

/// What is in the directory, judged, before anything is changed.
pub(super) struct Recovered {
    pub(super) identity: Identity,
    pub(super) sealed: Vec<Arc<SealedSegment>>,
    /// Unsealed segments; the last is the active one.
    pub(super) scans: Vec<Scan>,
    /// Files to be moved to quarantine whole, after a loss was accepted.
    pub(super) set_aside: Vec<u32>,
    /// Leftovers of work that did not finish, to be removed.
    pub(super) remove: Vec<String>,
    pub(super) mark: Option<Mark>,
    pub(super) next_slot: usize,
    pub(super) accepted_loss: Option<Position>,
}

/// Judges what the directory holds. Changes nothing.
pub(super) fn recover(
    storage: &Arc<dyn Storage>,
    identity: Identity,
    accept_loss: Option<Position>,
) -> Result<Recovered, OpenError> {
    let (mark, next_slot) = read_mark(&**storage, identity.ledger)?;
    let Listing { sealed: sealed_numbers, raw, remove } = list_segments(&**storage)?;
    let mut sealed: Vec<Arc<SealedSegment>> = Vec::with_capacity(sealed_numbers.len());
    let mut remove = remove;
    for segment in sealed_numbers {
        let (position, sequence) = sealed.last().map_or((1, 1), after);
        let path = layout::sealed_path(segment);
        let opened = open_sealed(&**storage, &path, &identity, segment, position, sequence);
        match opened {
            // The raw form goes only after the sealed one was verified; while both are there the
            // raw one is as good.
            Ok(it) if raw.contains(&segment) && verify(&it).is_err() => remove.push(path),
            Ok(it) => {
                if raw.contains(&segment) {
                    remove.push(layout::raw_path(segment));
                }
                sealed.push(Arc::new(it));
            }
            Err(_) if raw.contains(&segment) => remove.push(path),
            Err(error) => return Err(error),
        }
    }
    let first_raw = u32::try_from(sealed.len()).unwrap_or(u32::MAX).saturating_add(1);
    if let Some(gap) = sealed.iter().zip(1_u32..).find(|(it, number)| it.segment() != *number) {
        let file = layout::sealed_path(gap.1);
        return Err(OpenError::MissingSegment { segment: gap.1, file });
    }
    let raw: Vec<u32> = raw.into_iter().filter(|segment| *segment >= first_raw).collect();
    let missing =
        |segment: u32| OpenError::MissingSegment { segment, file: layout::raw_path(segment) };
    if let Some((_, number)) = raw.iter().zip(first_raw..).find(|(it, number)| **it != *number) {
        return Err(missing(number));
    }
    if raw.is_empty() {
        return Err(missing(first_raw));
    }
    let (position, sequence) = sealed.last().map_or((1, 1), after);
    let mut recovered = Recovered {
        identity,
        sealed,
        scans: Vec::new(),
        set_aside: Vec::new(),
        remove,
        mark,
        next_slot,
        accepted_loss: None,
    };
    recovered.scan_all(&**storage, &raw, position, sequence)?;
    recovered.judge(accept_loss)?;
    Ok(recovered)
}

impl Recovered {
    fn scan_all(
        &mut self,
        storage: &dyn Storage,
        raw: &[u32],
        mut first_position: u64,
        mut first_sequence: u64,
    ) -> Result<(), OpenError> {
        let expected = self.identity.segment_bytes;
        for segment in raw.iter().copied() {
            let path = layout::raw_path(segment);
            let file = storage.open_rw(&path).or_else(|error| {
                let read_only =
                    [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];
                if read_only.contains(&error.kind()) { storage.open(&path) } else { Err(error) }
            });
            let file = file.map_err(OpenError::io("open", &path))?;
            let found = file.len().map_err(OpenError::io("read the length of", &path))?;
            if found != expected {
                return Err(OpenError::WrongLength { file: path, expected, found });
            }
            let begin = Begin { segment, first_position, first_sequence };
            let scanned =
                scan(file, path.clone(), &self.identity, begin).map_err(|error| match error {
                    ScanError::Io(source) => OpenError::Io { what: "read", path, source },
                    ScanError::Foreign(found) => {
                        OpenError::Foreign { file: path, expected: self.identity.ledger, found }
                    }
                    ScanError::Misplaced | ScanError::Unfitting { .. } => {
                        OpenError::Damaged { file: path, what: error.to_string() }
                    }
                });
            let scanned = match scanned {
                // What comes after a segment that is cut short does not continue it; the judgement
                // below says what is missing.
                Err(OpenError::Damaged { .. }) if self.scans.last().is_some_and(is_cut) => {
                    self.set_aside.push(segment);
                    continue;
                }
                other => other?,
            };
            first_position = scanned.position.saturating_add(1);
            first_sequence = scanned.sequence.saturating_add(1);
            self.scans.push(scanned);
        }
        Ok(())
    }

    /// The rule of the file's opening words.
    fn judge(&mut self, accept_loss: Option<Position>) -> Result<(), OpenError> {
        let cut = self.scans.iter().position(is_cut);
        // Only the last segment may end in a torn frame.
        let followed = cut.is_some_and(|at| {
            at.saturating_add(1) < self.scans.len() || !self.set_aside.is_empty()
        });
        let at = cut.unwrap_or(self.scans.len().saturating_sub(1));
        let Some(last) = self.scans.get(at) else { return Ok(()) };
        let found = Position::new(last.position);
        let witness = self
            .scans
            .iter()
            .filter_map(|scan| scan.witness)
            .chain(self.mark.map(|mark| (mark.sequence, mark.position)))
            .max();
        let behind = match (self.mark, witness) {
            (None, _) => Some(OpenError::MarkUnreadable { found }),
            (Some(_), Some((sequence, position))) if last.sequence < sequence || followed => {
                Some(OpenError::Lost {
                    expected: Position::new(position.max(last.position)),
                    found,
                    file: last.tail.path.clone(),
                    offset: last.end,
                    what: last.stopped.clone().unwrap_or_else(|| "zeros".to_owned()),
                })
            }
            (Some(_), _) => None,
        };
        let Some(refusal) = behind else { return Ok(()) };
        if is_planted!(TruncateAtFirstBadFrame) && !followed {
            return Ok(());
        }
        if accept_loss != Some(found) {
            return Err(refusal);
        }
        self.accepted_loss = witness.map(|(_, position)| Position::new(position));
        for scan in self.scans.drain(at.saturating_add(1)..) {
            self.set_aside.push(scan.tail.segment);
        }
        self.set_aside.sort_unstable();
        Ok(())
    }

    /// Where the log ends.
    pub(super) fn head(&self) -> (u64, u64) {
        self.scans.last().map_or((0, 0), |scan| (scan.sequence, scan.position))
    }
}

fn is_cut(scan: &Scan) -> bool {
    scan.leftover.is_some()
}
