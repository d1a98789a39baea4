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
use crate::free::FreeOfDocuments;
use crate::settings::Settings;
use crate::views::Views;

/// How often a command decides again because somebody was faster.
const ATTEMPTS_MAX: usize = 16;
/// Folded states kept; more than the streams that are written at one time.
const STATES_MAX: usize = 4096;

/// The state of some stream, of a type that only its reader knows, and how far it was folded.
#[derive(Clone)]
struct Kept {
    revision: Revision,
    position: Position,
    state: Arc<dyn Any + Send + Sync>,
}

/// The running server.
pub(crate) struct App {
    pub(crate) log: Arc<EmbeddedLog>,
    pub(crate) views: Views,
    pub(crate) key: auth::Key,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) free: FreeOfDocuments,
    states: Mutex<BTreeMap<Stream, Kept>>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("log", &self.log).finish_non_exhaustive()
    }
}

/// The fold of a stream, and where its last record is; `None`: it has none.
type Newest<S> = (Arc<S>, Option<(Revision, Position)>);

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
    /// The caller's `If-Match`: the revision it has seen, and decided upon.
    pub(crate) seen: Option<Seen>,
    /// When it happened in the world: now, or an import's own time.
    pub(crate) occurred_at: Timestamp,
}

/// What a caller says of the thing it commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is there: `*`.
    Something,
    /// It is at this revision.
    Revision(Revision),
}

impl Seen {
    fn holds(self, head: Option<Revision>) -> bool {
        match self {
            Self::Something => head.is_some(),
            Self::Revision(revision) => head == Some(revision),
        }
    }
}

/// What a command has made, now or when it was first sent.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// Its events; none when what it asks for was so already.
    pub(crate) records: Vec<Record>,
    /// What a reader waits for to see it.
    pub(crate) position: Position,
    /// The revision its stream has with it; `None` where it is of several streams.
    pub(crate) revision: Option<Revision>,
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
        let (free, states) = (FreeOfDocuments::default(), Mutex::default());
        Self { log, views, key, clock, settings, free, states }
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
        let (state, reached) = self.newest_state::<S>(stream)?;
        Ok((state, reached.map(|(revision, _)| revision)))
    }

    /// The fold of a stream as it was when the log had come to a position. What a command answers
    /// is told from here, so that a repeat is told the same whatever has happened since.
    pub(crate) fn state_as_of<S: State>(
        &self,
        stream: &Stream,
        as_of: Position,
    ) -> Result<(Arc<S>, Option<Revision>), ApiError> {
        let (state, reached) = self.newest_state::<S>(stream)?;
        if reached.is_none_or(|(_, position)| position <= as_of) {
            return Ok((state, reached.map(|(revision, _)| revision)));
        }
        let (mut state, mut head) = (S::default(), None);
        for record in self.log.read_stream(stream, ReadStream::Forwards(Revision::FIRST))? {
            let record = record?;
            if record.position > as_of {
                break;
            }
            head = Some(record.revision);
            state = state.take(&record)?;
        }
        Ok((Arc::new(state), head))
    }

    /// The fold of a stream up to its head, and where the head is.
    fn newest_state<S: State>(&self, stream: &Stream) -> Result<Newest<S>, ApiError> {
        let kept = {
            let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            states.get(stream).cloned()
        };
        let mut reached = kept.as_ref().map(|it| (it.revision, it.position));
        let kept = kept.and_then(|it| Arc::downcast::<S>(it.state).ok());
        if kept.is_none() {
            reached = None;
        }
        let next = reached.and_then(|(revision, _)| revision.next()).unwrap_or(Revision::FIRST);
        let mut grown: Option<S> = None;
        for record in self.log.read_stream(stream, ReadStream::Forwards(next))? {
            let record = record?;
            let before =
                grown.take().unwrap_or_else(|| kept.as_deref().cloned().unwrap_or_default());
            reached = Some((record.revision, record.position));
            grown = Some(before.take(&record)?);
        }
        let state = match (grown, kept) {
            (None, Some(state)) => return Ok((state, reached)),
            (grown, _) => Arc::new(grown.unwrap_or_default()),
        };
        if let Some((revision, position)) = reached {
            let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            if states.len() >= STATES_MAX && !states.contains_key(stream) {
                states.clear();
            }
            let kept = Kept { revision, position, state: state.clone() };
            states.insert(stream.clone(), kept);
        }
        Ok((state, reached))
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
            if !command.seen.is_none_or(|it| it.holds(head)) {
                return Err(ApiError::Changed { revision: head });
            }
            let decided = decide(&state)?;
            if decided.is_empty() {
                let position = self.log.head();
                let records = Vec::new();
                return Ok(Done { records, position, revision: head, is_repeat: false });
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
                    let records: Vec<Record> = self
                        .log
                        .read_stream(
                            stream,
                            ReadStream::Forwards(first.unwrap_or(Revision::FIRST)),
                        )?
                        .take(appended.outcomes.len())
                        .collect::<Result<_, _>>()?;
                    let revision = records.last().map(|record| record.revision);
                    return Ok(Done { records, position: appended.position, revision, is_repeat });
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
        let last = records.last().unwrap_or(&first);
        let (position, revision) = (last.position, Some(last.revision));
        Ok(Done { records, position, revision, is_repeat: true })
    }
}
