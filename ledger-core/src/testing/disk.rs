//! A disk in memory that fails as disks do, and only when told to.
//!
//! What was synced survives a power cut; of what was not, any part may, sector by sector and name
//! by name. Nothing here is random: a power cut is decided by [`Choices`], a fault by the test's
//! own script, so a failure is replayed by its seed. A recorded run keeps the disk as it was after
//! every call, at the cost of what changed, so each moment can be crashed many times without
//! running again.
//!
//! It does not model time, and it does not tear a sector: 512 bytes are written whole or not at
//! all.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::log::storage::{File, Lock, Storage, check_directory_path, check_path};

mod choices;
mod content;
mod fault;
mod state;

pub use choices::{Chance, Choice, Choices, Everything, Exhaustive, Nothing, Seeded};
pub use content::SECTOR_BYTES;
pub use fault::{Call, Fault, Operation, SystemError};
pub use state::{Harshness, Snapshot};

/// What a recorded run says happened, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A call, and how it failed if it did.
    Call(Call, Option<io::ErrorKind>),
    /// What the test noted between two calls.
    Note(u64),
}

/// A moment of a recorded run at which the power may go.
#[derive(Debug, Clone)]
pub struct CrashPoint {
    /// How many entries of the trace come before it.
    pub at: usize,
    /// The disk at that moment.
    pub snapshot: Snapshot,
}

type Script = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

#[derive(Default)]
struct Recording {
    trace: Vec<Entry>,
    points: Vec<CrashPoint>,
}

#[derive(Default)]
struct Inner {
    state: Snapshot,
    calls: u64,
    scripts: Vec<Script>,
    faults: u64,
    recording: Option<Recording>,
    capacity_bytes: Option<u64>,
    locked: BTreeSet<Arc<str>>,
    pauses: usize,
}

/// The simulated disk. A clone is another hand on the same one.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    inner: Arc<Mutex<Inner>>,
    resumed: Arc<Condvar>,
}

/// As long as it lives, every call of the disk waits.
#[derive(Debug)]
pub struct Paused {
    disk: SimulatedDisk,
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.disk.inner().pauses -= 1;
        self.disk.resumed.notify_all();
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.debug_struct("SimulatedDisk")
            .field("calls", &inner.calls)
            .field("state", &inner.state)
            .finish_non_exhaustive()
    }
}

impl From<Snapshot> for SimulatedDisk {
    fn from(state: Snapshot) -> Self {
        let inner = Arc::new(Mutex::new(Inner { state, ..Inner::default() }));
        Self { inner, resumed: Arc::default() }
    }
}

impl SimulatedDisk {
    /// An empty disk without faults and without end.
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as it is. It shares what does not change, so it is cheap.
    pub fn snapshot(&self) -> Snapshot {
        self.inner().state.clone()
    }

    /// Puts the disk back as it was. Open files stay open; locks stay held.
    pub fn restore(&self, snapshot: &Snapshot) {
        self.inner().state = snapshot.clone();
    }

    /// The disk that the next process finds when this one is killed: the page cache survives, locks
    /// and faults do not.
    pub fn killed(&self) -> Self {
        Self::from(self.snapshot())
    }

    /// The disk that is found after a power cut now.
    pub fn crashed(&self, choices: &mut dyn Choices, harshness: Harshness) -> Self {
        Self::from(self.snapshot().crash(choices, harshness))
    }

    /// Keeps the trace and every crash point from here on.
    pub fn record(&self) {
        let mut inner = self.inner();
        let first = CrashPoint { at: 0, snapshot: inner.state.clone() };
        inner.recording = Some(Recording { trace: Vec::new(), points: vec![first] });
    }

    /// Writes a note into the trace: what was submitted or acknowledged before the next call.
    pub fn note(&self, note: u64) {
        if let Some(recording) = &mut self.inner().recording {
            recording.trace.push(Entry::Note(note));
        }
    }

    /// Holds every call until the answer is dropped, so that what is submitted meanwhile waits
    /// together.
    pub fn pause(&self) -> Paused {
        self.inner().pauses += 1;
        Paused { disk: self.clone() }
    }

    /// Ends the recording and gives what it kept: the trace, and the disk after every call that
    /// could change it.
    pub fn recorded(&self) -> (Vec<Entry>, Vec<CrashPoint>) {
        let recording = self.inner().recording.take().unwrap_or_default();
        (recording.trace, recording.points)
    }

    /// Asks this script before every call from now on; the first answer of any script counts. The
    /// script runs while the disk is held, so it must not use the disk.
    pub fn inject(&self, script: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.inner().scripts.push(Box::new(script));
    }

    /// Fails the call of this number.
    pub fn inject_at(&self, number: u64, fault: Fault) {
        self.inject(move |call| (call.number == number).then(|| fault.clone()));
    }

    /// Forgets every script.
    pub fn mend(&self) {
        self.inner().scripts.clear();
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// How many faults there were.
    pub fn faults(&self) -> u64 {
        self.inner().faults
    }

    /// Gives the disk an end: files that would hold more than this are refused their growth.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.inner().capacity_bytes = bytes;
    }

    /// Flips a bit of a file, counted from its first byte's lowest, in the cache and on the disk.
    pub fn flip(&self, path: &str, bit: u64) -> io::Result<()> {
        self.inner().state.flip(path, bit)
    }

    /// Replaces the bytes of a file, behind everybody's back and durably.
    pub fn overwrite(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.inner().state.tamper(path, |old| bytes.clone_into(old))
    }

    /// Cuts a file, or fills it up with zeros, behind everybody's back and durably.
    pub fn cut(&self, path: &str, len: usize) -> io::Result<()> {
        self.inner().state.tamper(path, |bytes| bytes.resize(len, 0))
    }

    /// Removes a file behind everybody's back and durably.
    pub fn lose(&self, path: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.state.file(path)?;
        inner.state.tamper_names(&[(path, None)])
    }

    /// Swaps two files behind everybody's back and durably.
    pub fn swap(&self, one: &str, other: &str) -> io::Result<()> {
        self.inner().state.tamper_names(&[(one, Some(other)), (other, Some(one))])
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(
        &self,
        what: What<'_>,
        carry_out: impl FnOnce(&mut Inner, Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut guard = self.inner();
        while guard.pauses > 0 {
            guard = self.resumed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        let inner = &mut *guard;
        let number = inner.calls;
        inner.calls += 1;
        if inner.scripts.is_empty() && inner.recording.is_none() {
            return carry_out(inner, None);
        }
        let What { operation, path, offset, bytes } = what;
        let call = Call { number, operation, path: path.into(), offset, bytes };
        let fault = inner.scripts.iter_mut().find_map(|script| script(&call));
        inner.faults += u64::from(fault.is_some());
        let answer = carry_out(inner, fault);
        if let Some(recording) = &mut inner.recording {
            let error = answer.as_ref().err().map(io::Error::kind);
            recording.trace.push(Entry::Call(call, error));
            if operation.changes_the_disk() {
                let snapshot = inner.state.clone();
                recording.points.push(CrashPoint { at: recording.trace.len(), snapshot });
            }
        }
        answer
    }

    /// A call that is carried out whole or not at all.
    fn whole<T>(
        &self,
        operation: Operation,
        path: &str,
        carry_out: impl FnOnce(&mut Inner) -> io::Result<T>,
    ) -> io::Result<T> {
        let what = What { operation, path, offset: 0, bytes: 0 };
        self.call(what, |inner, fault| match fault {
            Some(Fault::Error(error) | Fault::ErrorAfterBytes(_, error)) => Err(error.into()),
            Some(Fault::ErrorAfterDoing(error)) => {
                carry_out(inner)?;
                Err(error.into())
            }
            Some(Fault::Short(_) | Fault::DropSync | Fault::LoseSync | Fault::Misdirect { .. })
            | None => carry_out(inner),
        })
    }

    fn handle(&self, number: state::FileNumber, path: &str) -> Arc<dyn File> {
        Arc::new(SimulatedFile { disk: self.clone(), number, path: path.into() })
    }
}

struct What<'a> {
    operation: Operation,
    path: &'a str,
    offset: u64,
    bytes: usize,
}

/// How a sync ends.
enum Sync {
    Honest,
    Dropped,
    Stranded,
}

/// What a fault makes of a sync: what becomes of the bytes, and what is answered.
fn sync_outcome(fault: Option<Fault>) -> (Sync, io::Result<()>) {
    match fault {
        Some(Fault::Error(SystemError::Interrupted)) => {
            (Sync::Dropped, Err(SystemError::Interrupted.into()))
        }
        Some(Fault::Error(error) | Fault::ErrorAfterBytes(_, error)) => {
            (Sync::Stranded, Err(error.into()))
        }
        Some(Fault::ErrorAfterDoing(error)) => (Sync::Honest, Err(error.into())),
        Some(Fault::DropSync) => (Sync::Dropped, Ok(())),
        Some(Fault::LoseSync) => (Sync::Stranded, Ok(())),
        Some(Fault::Short(_) | Fault::Misdirect { .. }) | None => (Sync::Honest, Ok(())),
    }
}

impl Storage for SimulatedDisk {
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        check_path(path)?;
        let number = self.whole(Operation::Open, path, |inner| inner.state.file(path))?;
        Ok(self.handle(number, path))
    }

    fn open_rw(&self, path: &str) -> io::Result<Arc<dyn File>> {
        check_path(path)?;
        let number = self.whole(Operation::OpenRw, path, |inner| inner.state.file(path))?;
        Ok(self.handle(number, path))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        check_path(path)?;
        let number = self.whole(Operation::Create, path, |inner| inner.state.create(path))?;
        Ok(self.handle(number, path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_path(from)?;
        check_path(to)?;
        self.whole(Operation::Rename, from, |inner| inner.state.rename(from, to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        check_path(path)?;
        self.whole(Operation::Remove, path, |inner| inner.state.remove(path))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        check_path(path)?;
        self.whole(Operation::CreateDir, path, |inner| inner.state.create_dir(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        check_directory_path(path)?;
        self.whole(Operation::List, path, |inner| inner.state.list(path))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        check_directory_path(path)?;
        let what = What { operation: Operation::SyncDir, path, offset: 0, bytes: 0 };
        self.call(what, |inner, fault| {
            let lost = fault == Some(Fault::LoseSync);
            let (sync, answer) = sync_outcome(fault);
            match sync {
                Sync::Honest => inner.state.sync_dir(path)?,
                Sync::Stranded if lost => inner.state.strand_names(path),
                // A journal keeps the names that it could not write, as a page cache does not.
                Sync::Stranded | Sync::Dropped => {}
            }
            answer
        })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.whole(Operation::FreeBytes, "", |inner| {
            let capacity = inner.capacity_bytes.unwrap_or(1 << 40);
            Ok(capacity.saturating_sub(inner.state.used_bytes()))
        })
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        check_path(path)?;
        let mut taken = None;
        let answer = self.whole(Operation::TryLock, path, |inner| {
            if inner.locked.contains(path) {
                return Ok(());
            }
            let number = match inner.state.file(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    inner.state.create(path)?
                }
                other => other?,
            };
            inner.state.write(number, b"1\n", 0)?;
            let path: Arc<str> = path.into();
            inner.locked.insert(Arc::clone(&path));
            taken = Some(path);
            Ok(())
        });
        // Made out here: dropping a lock, as an error does, takes the mutex that a call holds.
        let lock =
            taken.map(|path| Box::new(SimulatedLock { disk: self.clone(), path }) as Box<dyn Lock>);
        answer.map(|()| lock)
    }
}

struct SimulatedLock {
    disk: SimulatedDisk,
    path: Arc<str>,
}

impl Lock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.inner().locked.remove(&self.path);
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    number: state::FileNumber,
    path: Arc<str>,
}

impl SimulatedFile {
    fn sync(&self, operation: Operation) -> io::Result<()> {
        let what = What { operation, path: &self.path, offset: 0, bytes: 0 };
        self.disk.call(what, |inner, fault| {
            let (sync, answer) = sync_outcome(fault);
            match sync {
                Sync::Honest => inner.state.sync(self.number),
                Sync::Stranded => inner.state.strand(self.number),
                Sync::Dropped => {}
            }
            answer
        })
    }
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = buffer.len();
        let what = What { operation: Operation::Read, path: &self.path, offset, bytes };
        self.disk.call(what, |inner, fault| match fault {
            Some(
                Fault::Error(error)
                | Fault::ErrorAfterDoing(error)
                | Fault::ErrorAfterBytes(_, error),
            ) => Err(error.into()),
            Some(Fault::Short(most)) => {
                let short = bytes.min(most.max(1));
                Ok(inner.state.read(self.number, &mut buffer[..short], offset))
            }
            Some(Fault::DropSync | Fault::LoseSync | Fault::Misdirect { .. }) | None => {
                Ok(inner.state.read(self.number, buffer, offset))
            }
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let operation = Operation::Write;
        let what = What { operation, path: &self.path, offset, bytes: bytes.len() };
        self.disk.call(what, |inner, fault| {
            let bytes = inner.room_for(self.number, bytes, offset)?;
            let (most, error) = match fault {
                Some(Fault::Misdirect { path, offset: victim }) => {
                    inner.state.misdirect(self.number, bytes, offset, (&path, victim))?;
                    return Ok(bytes.len());
                }
                Some(Fault::Error(error)) => (0, Some(error)),
                Some(Fault::ErrorAfterDoing(error)) => (bytes.len(), Some(error)),
                Some(Fault::ErrorAfterBytes(most, error)) => (most, Some(error)),
                Some(Fault::Short(most)) => (most.max(1), None),
                Some(Fault::DropSync | Fault::LoseSync) | None => (bytes.len(), None),
            };
            let written = &bytes[..bytes.len().min(most)];
            if !written.is_empty() {
                inner.state.write(self.number, written, offset)?;
            }
            error.map_or(Ok(written.len()), |error| Err(error.into()))
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(Operation::SyncData)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(Operation::SyncAll)
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.whole(Operation::Len, &self.path, |inner| {
            u64::try_from(inner.state.len(self.number))
                .map_err(|_| io::ErrorKind::FileTooLarge.into())
        })
    }
}

impl Inner {
    /// The part of a write for which there is space: all of it, a beginning, or an error.
    fn room_for<'a>(
        &self,
        number: state::FileNumber,
        bytes: &'a [u8],
        offset: u64,
    ) -> io::Result<&'a [u8]> {
        let Some(capacity) = self.capacity_bytes else { return Ok(bytes) };
        let free = capacity.saturating_sub(self.state.used_bytes());
        let len = u64::try_from(self.state.len(number)).unwrap_or(u64::MAX);
        let end_max = len.saturating_add(free);
        let room = usize::try_from(end_max.saturating_sub(offset)).unwrap_or(usize::MAX);
        if room == 0 && !bytes.is_empty() {
            return Err(SystemError::NoSpace.into());
        }
        Ok(&bytes[..bytes.len().min(room)])
    }
}

#[cfg(test)]
mod tests;
