//! Which runs a directory holds, and what in it does not count.

use std::ops::Range;
use std::sync::Arc;

use super::run::Run;
use super::{RunsError, RunsPlace, cover, format};

/// How often a directory that changes is listed before a reader gives up.
const LISTINGS_MAX: usize = 100;

/// Who looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// The writer, with these sealed segments. Runs of any others are left over from another log.
    Writer(Range<u64>),
    /// Somebody who changes nothing, and may know fewer segments than the index does.
    Reader,
}

/// What a directory holds.
pub(super) struct Listing {
    /// In the order of their segments.
    pub(super) runs: Vec<Arc<Run>>,
    /// Names of files that do not count.
    pub(super) leftovers: Vec<String>,
    /// What was found of files that are damaged; they do not count.
    pub(super) damaged: Vec<RunsError>,
}

/// Lists until the names stand still, so that a merge by another process, which adds one name and
/// removes others, is seen whole.
pub(super) fn list(
    place: &RunsPlace,
    owner: Owner,
    known: &[Arc<Run>],
) -> Result<Listing, RunsError> {
    let names = || {
        let names = place.storage.list(&place.directory);
        names.map_err(|source| RunsError::Io { file: place.directory.clone(), source })
    };
    let mut listed = names()?;
    for _ in 0..LISTINGS_MAX {
        let listing = open_listed(place, &owner, known, &listed);
        let again = names()?;
        let is_finished = |name: &&String| format::parse_run_name(place.kind, name).is_some();
        let stood_still = listed.iter().filter(is_finished).eq(again.iter().filter(is_finished));
        match listing {
            Ok(listing) if stood_still => return Ok(listing),
            Err(error) if stood_still => return Err(error),
            Ok(_) | Err(_) => listed = again,
        }
    }
    Err(RunsError::Unsettled { directory: place.directory.clone(), listings: LISTINGS_MAX })
}

fn open_listed(
    place: &RunsPlace,
    owner: &Owner,
    known: &[Arc<Run>],
    names: &[String],
) -> Result<Listing, RunsError> {
    let is_within = |it: &Range<u64>| match owner {
        Owner::Writer(sealed) => sealed.start <= it.start && it.end <= sealed.end,
        Owner::Reader => true,
    };
    let ours = names.iter().filter_map(|name| format::parse_run_name(place.kind, name));
    let mut candidates: Vec<_> = ours.filter(is_within).collect();
    let mut damaged = Vec::new();
    let runs = 'choice: loop {
        let mut runs = Vec::new();
        for segments in cover::choose(&candidates) {
            let is_same = |run: &&Arc<Run>| *run.segments() == segments && !run.is_damaged();
            if let Some(run) = known.iter().find(is_same) {
                runs.push(Arc::clone(run));
                continue;
            }
            match Run::open(place, &segments, *owner != Owner::Reader) {
                Ok(run) => runs.push(Arc::new(run)),
                Err(error @ RunsError::Damaged { .. }) => {
                    damaged.push(error);
                    candidates.retain(|it| *it != segments);
                    continue 'choice;
                }
                Err(error) => return Err(error),
            }
        }
        break runs;
    };
    let is_leftover = |name: &&String| match format::parse_run_name(place.kind, name) {
        Some(segments) => runs.iter().all(|run| *run.segments() != segments),
        None => format::is_temporary_name(place.kind, name),
    };
    let leftovers = names.iter().filter(is_leftover).cloned().collect();
    Ok(Listing { runs, leftovers, damaged })
}
