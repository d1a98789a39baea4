//! The one who changes the index: adds what is sealed, merges, makes again what was damaged.
//!
//! A file is durable before it is looked up in, and looked up in before those it replaces are
//! removed, so at no moment is an entry that was added absent.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::build::{NewRun, RunWriter, remove_if_there};
use super::listing::{Owner, list};
use super::merge::{self, MergePlan, Merged};
use super::run::Run;
use super::{Runs, RunsError, RunsPlace, hold, kept};

/// An index as the writer finds it.
#[derive(Debug)]
pub(crate) struct OpenedRuns {
    /// To look up in and to add to.
    pub(crate) writer: RunsWriter,
    /// The segments to add, in order. Until they are, what is absent may be in them.
    pub(crate) gaps: Vec<Range<u64>>,
    /// The files that were damaged; they are gone.
    pub(crate) damaged: Vec<RunsError>,
}

/// The one who changes the index. Its methods may be called from several threads.
#[derive(Debug)]
pub(crate) struct RunsWriter {
    runs: Arc<Runs>,
    /// Held by the one merge that is under way.
    merging: Mutex<()>,
    /// Held from before a file gets its name until after those it replaces are gone, so that a
    /// name never loses a newer file than was meant. Lookups never wait for it.
    names: Mutex<()>,
}

impl RunsWriter {
    /// Opens the index of these sealed segments and removes what no longer counts: unfinished and
    /// damaged files, inputs of finished merges, and runs of segments that the log does not have.
    pub(crate) fn open(place: RunsPlace, segments: &Range<u64>) -> Result<OpenedRuns, RunsError> {
        let io = |source| RunsError::Io { file: place.directory.clone(), source };
        place.storage.create_dir(&place.directory).map_err(io)?;
        for above in above(&place.directory) {
            place.storage.sync_dir(above).map_err(io)?;
        }
        let listing = list(&place, Owner::Writer(segments.clone()), &[])?;
        for name in &listing.leftovers {
            let file = format!("{}/{name}", place.directory);
            remove_if_there(&*place.storage, &file)
                .map_err(|source| RunsError::Io { file, source })?;
        }
        let runs = Arc::new(Runs { place, set: Mutex::new(Arc::new(listing.runs)) });
        let gaps = runs.view().gaps(segments);
        let writer = Self { runs, merging: Mutex::new(()), names: Mutex::new(()) };
        Ok(OpenedRuns { writer, gaps, damaged: listing.damaged })
    }

    /// The index, to look up in.
    pub(crate) const fn runs(&self) -> &Arc<Runs> {
        &self.runs
    }

    /// Adds the entries, in any order, of a segment that is sealed. Durable when it returns. A
    /// segment that is in the index already is left as it is, so adding can be tried again.
    pub(crate) fn add(&self, segment: u64, entries: Vec<(u64, u64)>) -> Result<(), RunsError> {
        let segments = segment..segment.saturating_add(1);
        let _names = hold(&self.names);
        if self.runs.view().gaps(&segments).is_empty() {
            return Ok(());
        }
        let run = self.make(segments, entries)?;
        self.runs.replace(&[], [run]);
        Ok(())
    }

    /// Writes and opens the run of one segment.
    fn make(
        &self,
        segments: Range<u64>,
        mut entries: Vec<(u64, u64)>,
    ) -> Result<Arc<Run>, RunsError> {
        let place = &self.runs.place;
        entries.iter_mut().for_each(|entry| entry.0 = kept(entry.0));
        entries.sort_unstable();
        let value_min = entries.iter().map(|entry| entry.1).min().unwrap_or(0);
        let value_max = entries.iter().map(|entry| entry.1).max().unwrap_or(0);
        let new = NewRun {
            segments: segments.clone(),
            level: 0,
            count: entries.len() as u64,
            values: value_min..=value_max,
        };
        let mut writer = RunWriter::begin(place, new)?;
        if let Err(error) = entries.into_iter().try_for_each(|entry| writer.push(entry)) {
            // The first failure is the one to report; a left-over goes at the next opening.
            drop(writer.abandon());
            return Err(error);
        }
        writer.finish()?;
        let run = self.open_run(&segments)?;
        run.warm();
        Ok(run)
    }

    /// Makes the runs that cover any of these segments again, after damage was seen in them, one
    /// for each segment they cover. Until it is done, lookups go on in the damaged ones: what they
    /// cannot read stays an error and is never an absence.
    pub(crate) fn rebuild<E: From<RunsError>>(
        &self,
        segments: &Range<u64>,
        mut entries_of: impl FnMut(u64) -> Result<Vec<(u64, u64)>, E>,
    ) -> Result<(), E> {
        let _names = hold(&self.names);
        let mut gone = self.runs.snapshot().to_vec();
        gone.retain(|run| {
            run.segments().start < segments.end && segments.start < run.segments().end
        });
        let mut made = Vec::new();
        for segment in gone.iter().flat_map(|run| run.segments().clone()) {
            made.push(self.make(segment..segment.saturating_add(1), entries_of(segment)?)?);
        }
        self.runs.replace(&gone, made.iter().cloned());
        let is_replaced = |run: &&Arc<Run>| made.iter().any(|it| it.path() == run.path());
        gone.iter().filter(|run| !is_replaced(run)).try_for_each(|run| self.remove(run.path()))?;
        Ok(())
    }

    /// What a background thread should merge next.
    pub(crate) fn merge_due(&self) -> Option<MergePlan> {
        merge::due(&self.runs.snapshot())
    }

    /// Merges, unless `stop` says otherwise, which is asked every few thousand entries. Lookups go
    /// on in the inputs until the new run is durable; then their files are removed.
    pub(crate) fn merge(
        &self,
        plan: &MergePlan,
        stop: &dyn Fn() -> bool,
    ) -> Result<Merged, RunsError> {
        let _merging = hold(&self.merging);
        let place = &self.runs.place;
        if !self.has_all(plan) {
            return Ok(Merged::Superseded);
        }
        let Some(written) = merge::write(place, plan, stop)? else {
            return Ok(Merged::Stopped);
        };
        let _names = hold(&self.names);
        if !self.has_all(plan) {
            return written.abandon().map(|()| Merged::Superseded);
        }
        written.finish()?;
        let run = self.open_run(&plan.segments())?;
        self.runs.replace(&plan.inputs, [Arc::clone(&run)]);
        // In this order: the filters of both would take twice the memory, which stays taken.
        plan.inputs.iter().for_each(|input| input.cool());
        run.warm();
        plan.inputs.iter().try_for_each(|run| self.remove(run.path()))?;
        Ok(Merged::Done)
    }

    fn has_all(&self, plan: &MergePlan) -> bool {
        let runs = self.runs.snapshot();
        plan.inputs.iter().all(|input| runs.iter().any(|run| Arc::ptr_eq(input, run)))
    }

    fn open_run(&self, segments: &Range<u64>) -> Result<Arc<Run>, RunsError> {
        Run::open(&self.runs.place, segments, true).map(Arc::new)
    }

    fn remove(&self, path: &str) -> Result<(), RunsError> {
        let removed = remove_if_there(&*self.runs.place.storage, path);
        removed.map_err(|source| RunsError::Io { file: path.to_owned(), source })
    }
}

/// The directories above one: its name, too, must outlive a power cut.
fn above(directory: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(directory), |path| match path.rsplit_once('/') {
        Some((parent, _)) => Some(parent),
        None if path.is_empty() => None,
        None => Some(""),
    })
    .skip(1)
}
