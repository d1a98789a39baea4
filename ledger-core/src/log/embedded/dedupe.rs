//! Whether an event was recorded before, for ever.
//!
//! Keys are found by hash: in the tails, which hold every key of the unsealed segments and of the
//! group being encoded, then in the runs of the sealed ones. A hash is only a hint; each candidate
//! is read and compared, so a collision costs time and never an answer. What a repeat must match
//! is the fingerprint its caller gave, or the event itself.

use std::io;
use std::sync::Arc;

use crate::event::Event;
use crate::log::{Appended, Outcome, Position, Revision};

use super::engine::Failure;
use super::key_table::KeyTable;
use super::layout::INDEX_DIR;
use super::prepare::{Prepared, PreparedEvent, PreparedKey};
use super::runs::RunKind;
use super::shared::{Shared, View};
use super::spelled::Spelled;
use super::tail::Tail;

/// What is known of one event of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Nobody has recorded it.
    New,
    /// Recorded before, or its key is taken.
    Known(Outcome),
    /// The same as an earlier event of the same append.
    SameAs(usize),
}

impl Judged {
    pub(crate) fn is_conflict(self) -> bool {
        matches!(self, Self::Known(Outcome::Conflict { .. }))
    }
}

/// The keys of a group, looked up in the runs together.
#[derive(Debug)]
pub(crate) struct Known {
    view: Arc<View>,
    /// Segments begun since the view was taken.
    begun: Vec<Arc<Tail>>,
    /// Hash and position, sorted.
    from_runs: Vec<(u64, u64)>,
}

impl Known {
    /// Looks the hashes of a whole group up. The view is taken first: what leaves the tails later
    /// is in the runs before.
    ///
    /// `None`: the index is damaged and is being made again. What cannot be known to be new must
    /// not be recorded, so appends wait until then.
    pub(crate) fn look_up(shared: &Shared, hashes: &[u64]) -> Result<Option<Self>, Failure> {
        let view = shared.view();
        let found = match shared.keys.lookup_many(hashes) {
            Ok(found) => found,
            Err(error) => {
                let noted = shared.index_failed(RunKind::Keys, error);
                return noted.map(|()| None).map_err(|error| Failure {
                    what: "look keys up in",
                    path: INDEX_DIR.to_owned(),
                    source: io::Error::other(error),
                });
            }
        };
        let mut from_runs: Vec<(u64, u64)> = found
            .into_iter()
            .filter_map(|found| hashes.get(found.index).map(|hash| (*hash, found.value)))
            .collect();
        from_runs.sort_unstable();
        Ok(Some(Self { view, begun: Vec::new(), from_runs }))
    }

    /// After a rotation the group's own keys are in another tail. The view stays: a newer one may
    /// lack a tail that was sealed since, whose keys were not in the runs when those were asked.
    pub(crate) fn begin_segment(&mut self, tail: &Arc<Tail>) {
        self.begun.push(Arc::clone(tail));
    }

    /// Judges each event of an append. `read` finds records, the group's own included.
    pub(crate) fn judge(
        &self,
        prepared: &Prepared,
        group: &GroupKeys<'_>,
        read: impl Fn(u64) -> Result<Option<Spelled>, Failure>,
    ) -> Result<Vec<Judged>, Failure> {
        let mut judged = vec![Judged::New; prepared.events.len()];
        for (place, position) in self.candidates(prepared, group) {
            let (Some(event), Some(verdict)) = (prepared.events.get(place), judged.get_mut(place))
            else {
                continue;
            };
            let (Some(key), Judged::New) = (&event.key, &verdict) else { continue };
            let Some(record) = read(position)? else { continue };
            if is_key_of(&record, prepared, key) {
                *verdict = Judged::Known(outcome(&record, prepared, event));
            }
        }
        judge_within(prepared, &mut judged);
        Ok(judged)
    }

    /// Events of an append, and positions of events whose key may be theirs. Usually there are
    /// none.
    fn candidates(&self, prepared: &Prepared, group: &GroupKeys<'_>) -> Vec<(usize, u64)> {
        let mut candidates = Vec::new();
        let keyed = || {
            let events = prepared.events.iter().enumerate();
            events.filter_map(|(place, event)| Some((place, event.key.as_ref()?.hash)))
        };
        if let Some(keys) = group.keys {
            for (place, hash) in keyed() {
                let found = keys.find(hash);
                let position = |it| group.first_position.saturating_add(u64::from(it));
                candidates.extend(found.map(|it| (place, position(it))));
            }
        }
        for tail in self.view.tails().iter().chain(&self.begun) {
            let index = tail.read();
            index.fetch_keys(keyed().map(|(_, hash)| hash));
            for (place, hash) in keyed().filter(|(_, hash)| index.may_hold_key(*hash)) {
                let found = index.key_candidates(hash);
                candidates.extend(found.map(|ordinal| (place, tail.position(ordinal))));
            }
        }
        if !self.from_runs.is_empty() {
            for (place, hash) in keyed() {
                let from = self.from_runs.partition_point(|(known, _)| *known < hash);
                let same = self.from_runs.iter().skip(from).take_while(|(known, _)| *known == hash);
                candidates.extend(same.map(|(_, position)| (place, *position)));
            }
        }
        candidates
    }
}

/// The keys of the appends that are in the group already.
#[derive(Debug)]
pub(crate) struct GroupKeys<'a> {
    /// Hash and place in the group; `None` when the group has no earlier append.
    pub(crate) keys: Option<&'a KeyTable>,
    pub(crate) first_position: u64,
}

fn is_key_of(record: &Spelled, prepared: &Prepared, key: &PreparedKey) -> bool {
    record.key.as_ref().is_some_and(|it| {
        it.index == key.index
            && it.is_uuid == key.is_uuid()
            && it.id == key.id()
            && (prepared.source(key) == it.source || is_planted!(DedupeIgnoresTenant))
    })
}

fn outcome(record: &Spelled, prepared: &Prepared, event: &PreparedEvent) -> Outcome {
    let position = Position::new(record.position);
    let same = match (&record.fingerprint, &event.fingerprint) {
        (Some(first), Some(again)) => first == again,
        (None, None) => is_same_event(record, prepared, event),
        (Some(_), None) | (None, Some(_)) => false,
    };
    if same {
        Outcome::Duplicate { position, revision: Revision::new(record.revision) }
    } else {
        Outcome::Conflict { position }
    }
}

fn is_same_event(record: &Spelled, prepared: &Prepared, event: &PreparedEvent) -> bool {
    if record.stream != prepared.stream_name || record.occurred_at != event.occurred_at {
        return false;
    }
    if record.wire == event.wire {
        return record.body == prepared.body(event);
    }
    // A newer build spells the same event under a newer wire name.
    Event::decode(&record.wire, &record.body)
        .ok()
        .filter(|first| first.wire_name() == event.wire)
        .and_then(|first| first.encode().ok())
        .is_some_and(|first| first == prepared.body(event))
}

/// One outcome per event: those that were known, those recorded now, those said twice.
pub(crate) fn appended(judged: &[Judged], recorded: &[Outcome]) -> Appended {
    let mut recorded = recorded.iter();
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(judged.len());
    for verdict in judged {
        let conflict = Outcome::Conflict { position: Position::ORIGIN };
        outcomes.push(match verdict {
            Judged::Known(outcome) => *outcome,
            Judged::New => recorded.next().copied().unwrap_or(conflict),
            Judged::SameAs(first) => match outcomes.get(*first) {
                Some(
                    Outcome::Recorded { position, revision }
                    | Outcome::Duplicate { position, revision },
                ) => Outcome::Duplicate { position: *position, revision: *revision },
                Some(Outcome::Conflict { .. }) | None => conflict,
            },
        });
    }
    let position = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Recorded { position, .. }
            | Outcome::Duplicate { position, .. }
            | Outcome::Conflict { position } => *position,
        })
        .max()
        .unwrap_or(Position::ORIGIN);
    Appended { outcomes, position }
}

/// Finds keys that stand twice in one append.
fn judge_within(prepared: &Prepared, judged: &mut [Judged]) {
    if prepared.events.len() < 2 {
        return;
    }
    let mut before = KeyTable::default();
    before.reserve(prepared.events.len());
    let keyed = (0_u32..).zip(&prepared.events).zip(judged);
    for ((place, event), verdict) in keyed {
        let Some(key) = &event.key else { continue };
        let first = {
            let mut places = before.find(key.hash).filter_map(|it| usize::try_from(it).ok());
            places.find(|it| has_same_key(prepared, *it, event))
        };
        match first {
            None => before.insert(key.hash, place),
            Some(_) if *verdict != Judged::New => (),
            Some(first) if is_same_content(prepared, first, event) => {
                *verdict = Judged::SameAs(first);
            }
            Some(_) => *verdict = Judged::Known(Outcome::Conflict { position: Position::ORIGIN }),
        }
    }
}

fn has_same_key(prepared: &Prepared, one: usize, other: &PreparedEvent) -> bool {
    let one = prepared.events.get(one).and_then(|event| event.key.as_ref());
    match (one, &other.key) {
        (Some(one), Some(other)) => {
            prepared.source(one) == prepared.source(other)
                && one.id() == other.id()
                && one.is_uuid() == other.is_uuid()
                && one.index == other.index
        }
        _ => false,
    }
}

fn is_same_content(prepared: &Prepared, one: usize, other: &PreparedEvent) -> bool {
    let Some(one) = prepared.events.get(one) else { return false };
    match (&one.fingerprint, &other.fingerprint) {
        (Some(one), Some(other)) => one == other,
        (None, None) => {
            one.wire == other.wire
                && one.occurred_at == other.occurred_at
                && prepared.body(one) == prepared.body(other)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}
