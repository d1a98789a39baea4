//! The keys of an unsealed segment that is read, on their way into its table.
//!
//! Each key is hashed and put into a place in memory of its own, which takes as long as all else
//! that is done with its row. Where a segment that nobody else sees yet holds many, a second thread
//! does it while the first reads on; the table is the segment's again at the end.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use super::key_table::KeyTable;
use super::raw::{NameKind, Names, RawKey};
use super::spelling::NameHash;
use super::tail::Tail;

/// So many keys go to the second thread at a time; a segment with fewer has none.
const KEYS_MANY: usize = 4096;
/// So many are put in together: their places, a line of the cache each, stay near meanwhile.
const KEYS_NEAR: usize = 256;
/// So many loads wait for the second thread before the first does.
const LOADS_WAITING: usize = 4;

/// Keys that are not in the table yet, of one segment.
#[derive(Debug, Default)]
pub(crate) struct PendingKeys {
    keys: Vec<PendingKey>,
    ids: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct PendingKey {
    ordinal: u32,
    source: u32,
    index: u32,
    is_uuid: bool,
    /// Where its id ends among all; it begins where the one before ends.
    end: usize,
}

impl PendingKeys {
    /// Takes the key of the segment's event with this ordinal.
    pub(crate) fn push(&mut self, ordinal: u32, key: &RawKey<'_>) {
        let RawKey { source, id, is_uuid, index } = *key;
        self.ids.extend_from_slice(id);
        self.keys.push(PendingKey { ordinal, source, index, is_uuid, end: self.ids.len() });
    }

    /// Puts all of them into a table, given every source named so far, and forgets them.
    fn put(&mut self, hash: &NameHash, sources: &[Box<str>], table: &mut KeyTable) {
        let mut from = 0;
        let mut hashed = Vec::with_capacity(KEYS_NEAR);
        for keys in self.keys.chunks(KEYS_NEAR) {
            for key in keys {
                let id = self.ids.get(from..key.end).unwrap_or_default();
                from = key.end;
                let source = usize::try_from(key.source).ok().and_then(|it| sources.get(it));
                // Whoever reads rows has refused numbers without a name.
                let Some(source) = source else { continue };
                hashed.push((hash.key(source, key.is_uuid, id, key.index), key.ordinal));
            }
            table.fetch(hashed.iter().map(|(hash, _)| *hash));
            for (hash, ordinal) in hashed.drain(..) {
                table.insert(hash, ordinal);
            }
        }
        self.keys.clear();
        self.ids.clear();
    }
}

/// What is sent to the second thread.
struct Load {
    keys: PendingKeys,
    /// The sources that were named since the last load.
    sources: Vec<Box<str>>,
}

/// The second thread.
struct Helper {
    loads: SyncSender<Load>,
    /// Where loads come back empty, to be filled again.
    emptied: Receiver<PendingKeys>,
    /// How many sources it knows.
    sources: usize,
    thread: JoinHandle<KeyTable>,
}

/// Where the keys of a segment's rows go.
pub(crate) struct KeyFeed {
    hash: NameHash,
    pending: PendingKeys,
    may_be_helped: bool,
    helper: Option<Helper>,
}

impl KeyFeed {
    /// Puts keys in before a frame counts as read: for a segment that others look into.
    pub(crate) fn at_once(hash: NameHash) -> Self {
        Self { hash, pending: PendingKeys::default(), may_be_helped: false, helper: None }
    }

    /// Has put them in when it has finished: for a segment that nobody else sees yet.
    pub(crate) fn helped(hash: NameHash) -> Self {
        Self { may_be_helped: true, ..Self::at_once(hash) }
    }

    pub(crate) fn pending(&mut self) -> &mut PendingKeys {
        &mut self.pending
    }

    /// A frame's rows were taken.
    pub(crate) fn frame_taken(&mut self, tail: &Tail) {
        if !self.may_be_helped {
            self.put_here(tail);
        } else if self.pending.keys.len() >= KEYS_MANY {
            self.hand_over(tail);
        }
    }

    /// Every key is in the table.
    pub(crate) fn finish(mut self, tail: &Tail) -> io::Result<()> {
        if let Some(Helper { loads, thread, .. }) = self.helper.take() {
            drop(loads);
            let table = thread.join();
            let table = table.map_err(|_| io::Error::other("the thread of its keys failed"))?;
            tail.write().set_keys(table);
        }
        self.put_here(tail);
        Ok(())
    }

    fn put_here(&mut self, tail: &Tail) {
        let mut index = tail.write();
        let (names, table) = index.names_and_keys();
        self.pending.put(&self.hash, names.texts(NameKind::Source), table);
    }

    fn hand_over(&mut self, tail: &Tail) {
        if self.helper.is_none() {
            self.helper = begin(self.hash, tail);
        }
        let Some(helper) = &mut self.helper else {
            // No thread is to be had: it is done here.
            self.may_be_helped = false;
            return self.put_here(tail);
        };
        let empty = helper.emptied.try_recv().unwrap_or_default();
        let load = Load {
            keys: std::mem::replace(&mut self.pending, empty),
            sources: named_since(&mut helper.sources, &tail.read().names),
        };
        // It fails where the thread has; whoever joins it will say so.
        helper.loads.send(load).ok();
    }
}

fn named_since(known: &mut usize, names: &Names) -> Vec<Box<str>> {
    let all = names.texts(NameKind::Source);
    let since = all.get(*known..).unwrap_or_default().to_vec();
    *known = all.len();
    since
}

/// Begins the second thread and lends it the segment's table.
fn begin(hash: NameHash, tail: &Tail) -> Option<Helper> {
    let (loads, received) = sync_channel::<Load>(LOADS_WAITING);
    let (lent, taken) = sync_channel::<KeyTable>(1);
    let (back, emptied) = channel();
    let work = move || {
        let mut table = taken.recv().unwrap_or_default();
        let mut sources = Vec::new();
        for mut load in received {
            sources.append(&mut load.sources);
            load.keys.put(&hash, &sources, &mut table);
            back.send(load.keys).ok();
        }
        table
    };
    let thread = std::thread::Builder::new().name("log-keys".to_owned()).spawn(work).ok()?;
    // The table goes only where there is a thread for it.
    lent.send(tail.write().take_keys()).ok();
    Some(Helper { loads, emptied, sources: 0, thread })
}

#[cfg(test)]
mod tests;
