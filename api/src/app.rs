//! What every request shares, and how a command becomes events.
//!
//! A command reads the fold of its own stream, decides, and appends at the revision the fold was
//! made from; when somebody was faster it decides again, a bounded number of times. A command's key
//! is looked up first: what it made then is its answer for ever. Nothing is decided from a view.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ledger_core::event::Event;
use ledger_core::id::{Actor, Key, KeyId, KeyScope, KeySource, TenantId};
use ledger_core::log::embedded::{Clock, EmbeddedLog};
use ledger_core::log::{
    Append, AppendError, EventLog, Expected, Fingerprint, NewEvent, OnConflict, Outcome, Position,
    ReadStream, Record, Revision,
};
use ledger_core::stream::Stream;
use ledger_core::time::Timestamp;

use crate::auth::{self, Scope};
use crate::error::ApiError;
use crate::settings::Settings;
use crate::views::Views;

/// How often a command decides again because somebody was faster.
const ATTEMPTS_MAX: usize = 16;
/// Folded states kept; more than the streams that are written at one time.
const STATES_MAX: usize = 4096;

/// The state of some stream, of a type that only its reader knows, and the revision it is of.
type Folded = (Revision, Arc<dyn Any + Send + Sync>);

/// The running server.
pub(crate) struct App {
    pub(crate) log: Arc<EmbeddedLog>,
    pub(crate) views: Views,
    pub(crate) key: auth::Key,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    states: Mutex<BTreeMap<Stream, Folded>>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("log", &self.log).finish_non_exhaustive()
    }
}

/// Who asks for what, and by which name a repeat is known.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) actor: Actor,
    /// The operation, as it stands in the key of its events.
    pub(crate) operation: &'static str,
    /// Whose key it is.
    pub(crate) scope: KeyScope,
    /// The caller's `Idempotency-Key`, or a name derived from what is commanded.
    pub(crate) key: Option<KeyId>,
    /// Of the parsed request.
    pub(crate) fingerprint: Fingerprint,
    /// When it happened in the world: now, or an import's own time.
    pub(crate) occurred_at: Timestamp,
}

/// What a command has made, now or when it was first sent.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// Its events; none when what it asks for was so already.
    pub(crate) records: Vec<Record>,
    /// What a reader waits for to see it.
    pub(crate) position: Position,
    /// Whether it was recorded before.
    pub(crate) is_repeat: bool,
}

/// A fold of one stream.
pub(crate) trait State: Clone + Default + Send + Sync + 'static {
    /// Takes the next record.
    fn take(self, record: &Record) -> Result<Self, ApiError>;
}

impl App {
    pub(crate) fn new(
        log: Arc<EmbeddedLog>,
        views: Views,
        key: auth::Key,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        Self { log, views, key, clock, settings, states: Mutex::new(BTreeMap::new()) }
    }

    /// The server's time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.read().wall
    }

    /// The scope of the server itself.
    pub(crate) fn everything(&self) -> Scope {
        Scope::of_the_server()
    }

    /// Whether a tenant was ever registered.
    pub(crate) fn has_tenant(&self, tenant: &TenantId) -> Result<bool, ApiError> {
        Ok(self.log.stream_head(&Stream::Account(tenant.clone()))?.is_some())
    }

    /// The fold of a stream up to its head, and the head.
    pub(crate) fn state<S: State>(
        &self,
        stream: &Stream,
    ) -> Result<(Arc<S>, Option<Revision>), ApiError> {
        let known = {
            let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            states.get(stream).map(|(revision, state)| (*revision, Arc::clone(state)))
        };
        let known =
            known.and_then(|(revision, state)| Some((revision, Arc::downcast::<S>(state).ok()?)));
        let from = known.as_ref().and_then(|(revision, _)| revision.next());
        let mut head = known.as_ref().map(|(revision, _)| *revision);
        let mut state: Option<S> = None;
        let records =
            self.log.read_stream(stream, ReadStream::Forwards(from.unwrap_or(Revision::FIRST)))?;
        for record in records {
            let record = record?;
            let before = state.take().unwrap_or_else(|| {
                known.as_ref().map(|(_, state)| S::clone(state)).unwrap_or_default()
            });
            head = Some(record.revision);
            state = Some(before.take(&record)?);
        }
        let folded = match (state, known) {
            (Some(state), _) => Arc::new(state),
            (None, Some((_, state))) => state,
            (None, None) => Arc::new(S::default()),
        };
        if let Some(head) = head {
            let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            if states.len() >= STATES_MAX && !states.contains_key(stream) {
                states.clear();
            }
            let state: Arc<dyn Any + Send + Sync> = folded.clone();
            states.insert(stream.clone(), (head, state));
        }
        Ok((folded, head))
    }

    /// Runs a command on one stream. Blocks: call it where blocking is allowed.
    pub(crate) fn run<S: State>(
        &self,
        stream: &Stream,
        command: &Command,
        decide: impl Fn(&S) -> Result<Vec<Event>, ApiError>,
    ) -> Result<Done, ApiError> {
        let key = |index: u32| -> Result<Option<Key>, ApiError> {
            let Some(id) = &command.key else { return Ok(None) };
            let source: KeySource = command
                .operation
                .parse()
                .map_err(|error: ledger_core::id::IdError| ApiError::internal(&error))?;
            Ok(Some(Key { scope: command.scope.clone(), source, id: id.clone(), index }))
        };
        for _ in 0..ATTEMPTS_MAX {
            if let Some(first) = key(0)?
                && let Some(record) = self.log.find(&first)?
            {
                return self.first_outcome(record, command);
            }
            let (state, head) = self.state::<S>(stream)?;
            let decided = decide(&state)?;
            if decided.is_empty() {
                let position = self.log.head();
                return Ok(Done { records: Vec::new(), position, is_repeat: false });
            }
            let mut events = Vec::with_capacity(decided.len());
            for (index, event) in (0_u32..).zip(decided) {
                events.push(NewEvent {
                    event,
                    occurred_at: command.occurred_at,
                    key: key(index)?,
                    fingerprint: command.key.as_ref().map(|_| command.fingerprint),
                });
            }
            let append = Append {
                stream: stream.clone(),
                expected: head.map_or(Expected::NoStream, Expected::Exactly),
                actor: command.actor.clone(),
                causation: None,
                correlation: None,
                events,
                on_conflict: OnConflict::RefuseAll,
            };
            match self.log.append_blocking(append) {
                Ok(appended) => {
                    let is_repeat =
                        appended.outcomes.iter().any(|it| matches!(it, Outcome::Duplicate { .. }));
                    let first = appended.outcomes.iter().find_map(|outcome| match outcome {
                        Outcome::Recorded { revision, .. }
                        | Outcome::Duplicate { revision, .. } => Some(*revision),
                        Outcome::Conflict { .. } => None,
                    });
                    let records = self
                        .log
                        .read_stream(
                            stream,
                            ReadStream::Forwards(first.unwrap_or(Revision::FIRST)),
                        )?
                        .take(appended.outcomes.len())
                        .collect::<Result<_, _>>()?;
                    return Ok(Done { records, position: appended.position, is_repeat });
                }
                // Somebody was faster: decide again from what is there now.
                Err(AppendError::WrongRevision { .. } | AppendError::PartlyRecorded { .. }) => (),
                Err(error) => return Err(error.into()),
            }
        }
        let detail = format!("{stream} is being changed by others");
        Err(ApiError::Unavailable { code: "busy", detail, retry_after_s: 1 })
    }

    /// What a command that was recorded before has made then.
    fn first_outcome(&self, first: Record, command: &Command) -> Result<Done, ApiError> {
        if first.fingerprint != Some(command.fingerprint) {
            return Err(ApiError::KeyTaken);
        }
        let id = first.key.as_ref().map(|key| key.id.clone());
        let records: Vec<Record> = self
            .log
            .read_stream(&first.stream, ReadStream::Forwards(first.revision))?
            .take_while(|record| match record {
                Ok(record) => record.key.as_ref().is_some_and(|key| {
                    Some(&key.id) == id.as_ref() && key.source.as_str() == command.operation
                }),
                Err(_) => true,
            })
            .collect::<Result<_, _>>()?;
        let position = records.last().map_or(first.position, |record| record.position);
        Ok(Done { records, position, is_repeat: true })
    }
}
