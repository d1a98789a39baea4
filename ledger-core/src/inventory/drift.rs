//! What a resource should be against what it is, field by field.
//!
//! Values are compared loosely, because a spec is written by people and a snapshot by machines:
//! scalars as text, lists as sets, and nothing as nothing, however it is spelled.

use std::collections::{BTreeMap, BTreeSet};

use super::{Place, ResourceFold, Sighting, Spec};
use crate::event::inventory::{FieldValue, Fields, Snapshot};
use crate::id::{FieldName, Label, Prose};

/// A field that is not what it should be, or was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Which field.
    pub field: FieldName,
    /// What it should be, as last said while the drift was open.
    pub spec: FieldValue,
    /// What it is, as last seen while the drift was open.
    pub live: FieldValue,
    /// The record that first showed it: a sighting, or a spec.
    pub opened: Place,
    /// What became of it.
    pub status: DriftStatus,
}

/// What became of a drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftStatus {
    /// The field still differs.
    Open,
    /// The live value became the spec.
    Accepted(Place),
    /// The field differs no longer, or the resource is gone.
    Stale(Place),
}

/// Whether two values are the same as far as drift is concerned: scalars as text, lists as sets.
/// Null, an empty text and an empty list are all nothing.
pub fn is_alike(left: &FieldValue, right: &FieldValue) -> bool {
    let set = |it: &[Prose]| it.iter().cloned().collect::<BTreeSet<_>>();
    match (left, right) {
        (FieldValue::Scalar(left), FieldValue::Scalar(right)) => left == right,
        (FieldValue::List(left), FieldValue::List(right)) => set(left) == set(right),
        (FieldValue::Null | FieldValue::Scalar(_) | FieldValue::List(_), _) => {
            is_nothing(left) && is_nothing(right)
        }
    }
}

fn is_nothing(value: &FieldValue) -> bool {
    match value {
        FieldValue::Null => true,
        FieldValue::Scalar(text) => text.as_str().is_empty(),
        FieldValue::List(items) => items.is_empty(),
    }
}

/// Whether two snapshots differ in nothing that matters: the order of lists does not.
pub(crate) fn is_same_snapshot(left: &Snapshot, right: &Snapshot) -> bool {
    let tags = |it: &Snapshot| it.tags.iter().cloned().collect::<BTreeSet<_>>();
    let rest = |it: &Snapshot| {
        let (tags, attributes) = (Vec::new(), Fields::new());
        Snapshot { tags, attributes, ..it.clone() }
    };
    let value = |it: &Snapshot, name| it.attributes.get(name).cloned().unwrap_or(FieldValue::Null);
    let mut names = left.attributes.keys().chain(right.attributes.keys());
    rest(left) == rest(right)
        && tags(left) == tags(right)
        && names.all(|name| is_alike(&value(left, name), &value(right, name)))
}

/// What stands in the field of this name: top-level first, then the attributes. A name that begins
/// with `attributes.` is looked up among the attributes alone.
pub fn live_value(snapshot: &Snapshot, field: &FieldName) -> FieldValue {
    let attribute = |name: &str| {
        let name = FieldName::new(name).ok()?;
        snapshot.attributes.get(&name).cloned()
    };
    let named = field.as_str().strip_prefix("attributes.").and_then(attribute);
    let value = top_level(snapshot, field.as_str()).or(named);
    value.or_else(|| attribute(field.as_str())).unwrap_or(FieldValue::Null)
}

/// A field that every snapshot has a place for; nothing where this one does not fill it.
fn top_level(snapshot: &Snapshot, field: &str) -> Option<FieldValue> {
    let scalar = |text: String| Prose::new(text).ok().map(FieldValue::Scalar);
    let label = |it: &Option<Label>| it.as_ref().and_then(|it| scalar(it.to_string()));
    match field {
        "resource_type" => scalar(snapshot.resource_type.to_string()),
        "name" => label(&snapshot.name),
        "region" => label(&snapshot.region),
        "size" => label(&snapshot.size),
        "status" => label(&snapshot.status),
        "project" => snapshot.project.as_ref().and_then(|it| scalar(it.to_string())),
        "price_per_hour" => snapshot.price_per_hour.and_then(|it| scalar(it.to_string())),
        "began_at" => snapshot.began_at.and_then(|it| scalar(it.to_string())),
        "tags" if !snapshot.tags.is_empty() => {
            let tags = snapshot.tags.iter().map(|it| Prose::new(it.to_string()));
            tags.collect::<Result<_, _>>().ok().map(FieldValue::List)
        }
        _ => None,
    }
}

/// What is replayed for drift, in the order recorded.
enum Turn<'a> {
    Seen(&'a Sighting),
    Deleted,
    Held(&'a Spec),
}

impl ResourceFold {
    /// The drifts of this resource in the order in which they opened: at most one open per field,
    /// those that were accepted or went by themselves among them.
    pub fn drifts(&self) -> Vec<Drift> {
        let mut turns = Vec::new();
        turns.extend(self.recorded_sightings().iter().map(|it| (it.seen, Turn::Seen(it))));
        turns.extend(self.deletions().iter().map(|(place, _)| (*place, Turn::Deleted)));
        turns.extend(self.specs().iter().map(|it| (it.recorded, Turn::Held(it))));
        turns.sort_by_key(|(place, _)| place.revision);
        let mut inbox = Inbox::default();
        for (place, turn) in &turns {
            inbox.turn(*place, turn);
        }
        inbox.drifts
    }

    /// The drift of a field that is open now.
    pub fn open_drift(&self, field: &FieldName) -> Option<Drift> {
        let mut drifts = self.drifts().into_iter();
        drifts.find(|it| it.field == *field && it.status == DriftStatus::Open)
    }
}

/// The state of the replay: what is known of the live thing so far, what it should be, and every
/// drift until now.
#[derive(Default)]
struct Inbox<'a> {
    seen: Option<&'a Sighting>,
    /// The latest beginning or end of a life, by the world's clock, and whether it is a beginning.
    turned: Option<(Place, bool)>,
    spec: Option<&'a Spec>,
    drifts: Vec<Drift>,
}

impl<'a> Inbox<'a> {
    fn turn(&mut self, place: Place, turn: &Turn<'a>) {
        match *turn {
            Turn::Seen(it) => {
                if self.seen.is_none_or(|seen| seen.seen < it.seen) {
                    self.seen = Some(it);
                }
                if it.begins {
                    self.turned = self.turned.max(Some((place, true)));
                }
            }
            Turn::Deleted => self.turned = self.turned.max(Some((place, false))),
            Turn::Held(it) => {
                self.spec = Some(it);
                if let Some(field) = &it.accepted {
                    self.close(field, DriftStatus::Accepted(place));
                }
            }
        }
        self.compare(place);
    }

    fn close(&mut self, field: &FieldName, status: DriftStatus) {
        if let Some(open) = self.open(field) {
            open.status = status;
        }
    }

    fn open(&mut self, field: &FieldName) -> Option<&mut Drift> {
        let mut drifts = self.drifts.iter_mut().rev();
        drifts.find(|it| it.field == *field && it.status == DriftStatus::Open)
    }

    fn compare(&mut self, place: Place) {
        let differing = self.differing();
        for drift in self.drifts.iter_mut().filter(|it| it.status == DriftStatus::Open) {
            if !differing.contains_key(&drift.field) {
                drift.status = DriftStatus::Stale(place);
            }
        }
        for (field, (spec, live)) in differing {
            if let Some(open) = self.open(&field) {
                (open.spec, open.live) = (spec, live);
            } else {
                let status = DriftStatus::Open;
                self.drifts.push(Drift { field, spec, live, opened: place, status });
            }
        }
    }

    /// The fields that are not as they should be. Of what is gone there is nothing to compare.
    fn differing(&self) -> BTreeMap<FieldName, (FieldValue, FieldValue)> {
        let is_live = self.turned.is_some_and(|(_, begins)| begins);
        let (Some(seen), Some(spec)) = (self.seen.filter(|_| is_live), self.spec) else {
            return BTreeMap::new();
        };
        let compared = spec.fields.iter().map(|(field, spec)| {
            (field.clone(), (spec.clone(), live_value(&seen.snapshot, field)))
        });
        compared.filter(|(_, (spec, live))| !is_alike(spec, live)).collect()
    }
}
