//! What is on the simulated disk, and what is only in the page cache.
//!
//! Each file has two contents: what reads see, and what would survive. Between them stand the
//! versions of each sector written since the last sync; a power cut may leave any of them. Names
//! work the same way: changes wait until their directory is synced. What a failed sync dropped is
//! *stranded*: reads still see it, no later sync writes it, and a power cut may or may not show it.

use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::io;
use std::sync::Arc;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::choices::{Choice, Choices};
use super::content::{Content, SECTOR_BYTES, Sector};

/// No file of a test is larger; a larger offset is a mistake.
const FILE_BYTES_MAX: u64 = 1 << 30;

pub(super) type FileNumber = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    File(FileNumber),
    Directory,
}

/// Writes that a sync has not made durable.
#[derive(Clone, Default)]
struct Unsynced {
    /// Each version of each sector, oldest first.
    sectors: BTreeMap<usize, Vec<Arc<Sector>>>,
    /// Each length, oldest first.
    lengths: Vec<usize>,
}

impl Unsynced {
    fn is_empty(&self) -> bool {
        self.sectors.is_empty() && self.lengths.is_empty()
    }
}

#[derive(Clone, Default)]
struct Inode {
    cache: Content,
    durable: Content,
    pending: Unsynced,
    stranded: Unsynced,
}

/// One change of names: whole or not at all, as a journal writes it.
#[derive(Clone)]
struct NameChange {
    names: Vec<(Arc<str>, Option<Entry>)>,
    stranded: bool,
}

impl NameChange {
    fn is_in(&self, directory: &str) -> bool {
        self.names.iter().any(|(name, _)| parent(name) == directory)
    }
}

/// How far a power cut may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Harshness {
    /// Unsynced changes of names survive in any subset, not only from the oldest on.
    pub names_in_any_subset: bool,
    /// Sectors that were allocated but never written may hold noise or stale bytes, not only zeros.
    pub stale_sectors: bool,
}

/// The whole disk at one moment. A copy shares everything that has not changed.
#[derive(Clone, Default)]
pub struct Snapshot {
    inodes: BTreeMap<FileNumber, Arc<Inode>>,
    names: Arc<BTreeMap<Arc<str>, Entry>>,
    durable_names: Arc<BTreeMap<Arc<str>, Entry>>,
    changes: Arc<Vec<NameChange>>,
    next: FileNumber,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("names", &self.names)
            .field("unsynced_sectors", &self.unsynced_sectors())
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// What a power cut at this moment leaves: a disk on which everything is durable.
    pub fn crash(&self, choices: &mut dyn Choices, harshness: Harshness) -> Self {
        let names = self.names_after_crash(choices, harshness);
        let mut image = Self { next: self.next, ..Self::default() };
        for entry in names.values() {
            let Entry::File(number) = *entry else { continue };
            if image.inodes.contains_key(&number) {
                continue;
            }
            let inode = &self.inodes[&number];
            let content = self.content_after_crash(inode, choices, harshness);
            let inode = Inode { durable: content.clone(), cache: content, ..Inode::default() };
            image.inodes.insert(number, Arc::new(inode));
        }
        image.names = Arc::new(names);
        image.durable_names = Arc::clone(&image.names);
        image
    }

    fn names_after_crash(
        &self,
        choices: &mut dyn Choices,
        harshness: Harshness,
    ) -> BTreeMap<Arc<str>, Entry> {
        let mut names = (*self.durable_names).clone();
        if self.changes.is_empty() {
            return names;
        }
        if harshness.names_in_any_subset {
            for change in self.changes.iter() {
                if choices.choose(Choice::NameChange, 2) == 1 {
                    apply(&mut names, change);
                }
            }
        } else {
            let kept = choices.choose(Choice::NamesPrefix, self.changes.len() + 1);
            self.changes.iter().take(kept).for_each(|change| apply(&mut names, change));
        }
        // What stands in a directory that was never made durable is out of reach.
        let reachable = |name: &str| {
            let mut above = parent(name);
            loop {
                if above.is_empty() {
                    return true;
                }
                if names.get(above) != Some(&Entry::Directory) {
                    return false;
                }
                above = parent(above);
            }
        };
        let lost: Vec<_> = names.keys().filter(|name| !reachable(name)).cloned().collect();
        lost.iter().for_each(|name| {
            names.remove(name);
        });
        names
    }

    fn content_after_crash(
        &self,
        inode: &Inode,
        choices: &mut dyn Choices,
        harshness: Harshness,
    ) -> Content {
        let mut content = inode.durable.clone();
        if inode.pending.is_empty() && inode.stranded.is_empty() {
            return content;
        }
        let lengths: Vec<usize> =
            inode.stranded.lengths.iter().chain(&inode.pending.lengths).copied().collect();
        let mut len = content.len();
        if !lengths.is_empty() {
            let kept = choices.choose(Choice::Length, lengths.len() + 1);
            len = kept.checked_sub(1).map_or(len, |newer| lengths[newer]);
        }
        let indexes: std::collections::BTreeSet<usize> =
            inode.stranded.sectors.keys().chain(inode.pending.sectors.keys()).copied().collect();
        for index in indexes.into_iter().take_while(|index| index * SECTOR_BYTES < len) {
            let stranded = inode.stranded.sectors.get(&index).map_or(&[][..], Vec::as_slice);
            let pending = inode.pending.sectors.get(&index).map_or(&[][..], Vec::as_slice);
            let kept = choices.choose(Choice::Sector, 1 + stranded.len() + pending.len());
            if let Some(newer) = kept.checked_sub(1) {
                let sector =
                    stranded.get(newer).unwrap_or_else(|| &pending[newer - stranded.len()]);
                content.set_sector(index, sector);
            } else if harshness.stale_sectors && index * SECTOR_BYTES >= inode.durable.len() {
                self.fill_stale(&mut content, index, choices);
            }
        }
        content.set_len(len);
        content
    }

    /// A sector that was allocated and never written shows what was there before.
    fn fill_stale(&self, content: &mut Content, index: usize, choices: &mut dyn Choices) {
        match choices.choose(Choice::Filler, 4) {
            0 => {}
            1 => {
                let mut noise = [0; SECTOR_BYTES];
                for byte in &mut noise {
                    *byte = u8::try_from(choices.choose(Choice::Filler, 256)).unwrap_or(u8::MAX);
                }
                content.set_sector(index, &noise);
            }
            _ => {
                let nth = choices.choose(Choice::Filler, self.inodes.len());
                let Some(other) = self.inodes.values().nth(nth) else { return };
                let sectors = other.cache.len().div_ceil(SECTOR_BYTES).max(1);
                let stale = other.cache.sector(choices.choose(Choice::Filler, sectors));
                content.set_sector(index, &stale);
            }
        }
    }

    /// A hash of what would survive: names, lengths and bytes. Equal disks hash equally.
    pub fn image_hash(&self) -> u128 {
        let mut hasher = SipHasher13::new();
        for (name, entry) in self.durable_names.iter() {
            hasher.write(name.as_bytes());
            match entry {
                Entry::Directory => hasher.write_u8(1),
                Entry::File(number) => {
                    hasher.write_u8(0);
                    self.inodes[number].durable.hash(&mut hasher);
                }
            }
        }
        hasher.finish128().as_u128()
    }

    /// How many sectors wait for a sync, and so how many a power cut decides about.
    pub fn unsynced_sectors(&self) -> usize {
        self.inodes
            .values()
            .map(|inode| inode.pending.sectors.len() + inode.stranded.sectors.len())
            .sum()
    }

    /// How many changes of names wait for a sync of their directory.
    pub fn unsynced_names(&self) -> usize {
        self.changes.len()
    }

    /// The files there are, in order.
    pub fn paths(&self) -> Vec<String> {
        let files = self.names.iter().filter(|(_, entry)| **entry != Entry::Directory);
        files.map(|(name, _)| name.to_string()).collect()
    }

    /// The bytes of a file, as a read would see them.
    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        let number = self.file(path).ok()?;
        let cache = &self.inodes[&number].cache;
        let mut bytes = vec![0; cache.len()];
        cache.read(&mut bytes, 0);
        Some(bytes)
    }

    pub(super) fn file(&self, path: &str) -> io::Result<FileNumber> {
        match self.names.get(path) {
            Some(Entry::File(number)) => Ok(*number),
            Some(Entry::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn create(&mut self, path: &str) -> io::Result<FileNumber> {
        self.expect_parent(path)?;
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let number = self.next;
        self.next += 1;
        self.inodes.insert(number, Arc::default());
        self.change(vec![(path.into(), Some(Entry::File(number)))]);
        Ok(number)
    }

    pub(super) fn create_dir(&mut self, path: &str) -> io::Result<()> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let above = &path[..end];
            match self.names.get(above) {
                Some(Entry::Directory) => {}
                Some(Entry::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => self.change(vec![(above.into(), Some(Entry::Directory))]),
            }
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let number = self.file(from)?;
        self.expect_parent(to)?;
        if self.names.get(to) == Some(&Entry::Directory) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if from != to {
            let entry = Some(Entry::File(number));
            self.change(vec![(to.into(), entry), (from.into(), None)]);
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &str) -> io::Result<()> {
        self.file(path)?;
        self.change(vec![(path.into(), None)]);
        Ok(())
    }

    pub(super) fn list(&self, path: &str) -> io::Result<Vec<String>> {
        if let Some(Entry::File(_)) = self.names.get(path) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let within = self.names.keys().filter(|name| parent(name) == path);
        Ok(within.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()).collect())
    }

    pub(super) fn sync_dir(&mut self, path: &str) -> io::Result<()> {
        self.expect_directory(path)?;
        let changes = Arc::make_mut(&mut self.changes);
        // A change made durable takes with it every earlier one of the same names.
        let mut touched: Vec<Arc<str>> = Vec::new();
        let mut taken = vec![false; changes.len()];
        for (change, taken) in changes.iter().zip(&mut taken).rev() {
            let follows = change.names.iter().any(|(name, _)| touched.contains(name));
            if follows || (change.is_in(path) && !change.stranded) {
                *taken = true;
                touched.extend(change.names.iter().map(|(name, _)| Arc::clone(name)));
            }
        }
        let durable = Arc::make_mut(&mut self.durable_names);
        for (change, _) in changes.iter().zip(&taken).filter(|(_, taken)| **taken) {
            apply(durable, change);
        }
        let mut taken = taken.into_iter();
        changes.retain(|_| !taken.next().unwrap_or(false));
        Ok(())
    }

    /// A sync of a directory that lied for good: no later one writes what it should have written.
    pub(super) fn strand_names(&mut self, path: &str) {
        for change in Arc::make_mut(&mut self.changes).iter_mut().filter(|it| it.is_in(path)) {
            change.stranded = true;
        }
    }

    pub(super) fn read(&self, number: FileNumber, buffer: &mut [u8], offset: u64) -> usize {
        usize::try_from(offset).map_or(0, |offset| self.inodes[&number].cache.read(buffer, offset))
    }

    pub(super) fn len(&self, number: FileNumber) -> usize {
        self.inodes[&number].cache.len()
    }

    pub(super) fn write(
        &mut self,
        number: FileNumber,
        bytes: &[u8],
        offset: u64,
    ) -> io::Result<()> {
        let offset = place(offset, bytes.len())?;
        let inode = self.inode_mut(number);
        let before = inode.cache.len();
        inode.cache.write(bytes, offset);
        if inode.cache.len() != before {
            inode.pending.lengths.push(inode.cache.len());
        }
        for index in sectors(offset, bytes.len()) {
            let version = Arc::new(inode.cache.sector(index));
            inode.pending.sectors.entry(index).or_default().push(version);
        }
        Ok(())
    }

    pub(super) fn sync(&mut self, number: FileNumber) {
        let inode = self.inode_mut(number);
        if inode.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut inode.pending);
        for (index, versions) in &pending.sectors {
            if let Some(newest) = versions.last() {
                inode.durable.set_sector(*index, newest);
            }
            inode.stranded.sectors.remove(index);
        }
        // The length is one number: writing the newest overtakes any that was dropped.
        inode.stranded.lengths.clear();
        let len = inode.cache.len();
        inode.durable.set_len(len);
    }

    /// A sync that failed, or that lied for good: the pages are clean, the disk is not written.
    pub(super) fn strand(&mut self, number: FileNumber) {
        let inode = self.inode_mut(number);
        let pending = std::mem::take(&mut inode.pending);
        for (index, versions) in pending.sectors {
            inode.stranded.sectors.entry(index).or_default().extend(versions);
        }
        inode.stranded.lengths.extend(pending.lengths);
    }

    /// A write that went to another place: reads of the right place see it until the power goes,
    /// the disk has it where it does not belong.
    pub(super) fn misdirect(
        &mut self,
        number: FileNumber,
        bytes: &[u8],
        offset: u64,
        victim: (&str, u64),
    ) -> io::Result<()> {
        let (path, victim_offset) = victim;
        let victim = self.file(path)?;
        let victim_place = place(victim_offset, bytes.len())?;
        let at = place(offset, bytes.len())?;
        let inode = self.inode_mut(number);
        inode.cache.write(bytes, at);
        let inode = self.inode_mut(victim);
        let len = inode.durable.len();
        inode.durable.write(bytes, victim_place);
        inode.durable.set_len(len);
        Ok(())
    }

    /// Changes bytes behind everybody's back, in the cache and on the disk alike.
    pub(super) fn tamper(&mut self, path: &str, tamper: impl Fn(&mut Vec<u8>)) -> io::Result<()> {
        let mut bytes = self.contents(path).ok_or(io::ErrorKind::NotFound)?;
        tamper(&mut bytes);
        let number = self.file(path)?;
        let inode = self.inode_mut(number);
        let mut content = Content::default();
        content.write(&bytes, 0);
        *inode = Inode { cache: content.clone(), durable: content, ..Inode::default() };
        Ok(())
    }

    /// Flips one bit behind everybody's back; costs one page.
    pub(super) fn flip(&mut self, path: &str, bit: u64) -> io::Result<()> {
        let number = self.file(path)?;
        let at = usize::try_from(bit / 8).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let inode = self.inode_mut(number);
        if at >= inode.cache.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for content in [&mut inode.cache, &mut inode.durable] {
            let mut byte = [0];
            // What was never synced is not on the disk to be flipped.
            if content.read(&mut byte, at) == 1 {
                content.write(&[byte[0] ^ (1 << (bit % 8))], at);
            }
        }
        Ok(())
    }

    /// Changes names behind everybody's back.
    pub(super) fn tamper_names(&mut self, names: &[(&str, Option<&str>)]) -> io::Result<()> {
        let entries = names
            .iter()
            .map(|(name, source)| Ok((*name, source.map(|it| self.file(it)).transpose()?)))
            .collect::<io::Result<Vec<_>>>()?;
        for (name, number) in entries {
            for view in [&mut self.names, &mut self.durable_names] {
                let view = Arc::make_mut(view);
                match number {
                    Some(number) => view.insert(name.into(), Entry::File(number)),
                    None => view.remove(name),
                };
            }
        }
        Ok(())
    }

    /// Bytes in all files, as a file system without holes counts them.
    pub(super) fn used_bytes(&self) -> u64 {
        let files = self.names.values().filter_map(|entry| match entry {
            Entry::File(number) => u64::try_from(self.inodes[number].cache.len()).ok(),
            Entry::Directory => None,
        });
        files.sum()
    }

    fn expect_directory(&self, path: &str) -> io::Result<()> {
        match self.names.get(path) {
            Some(Entry::Directory) => Ok(()),
            Some(Entry::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None if path.is_empty() => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn expect_parent(&self, path: &str) -> io::Result<()> {
        self.expect_directory(parent(path))
    }

    fn change(&mut self, names: Vec<(Arc<str>, Option<Entry>)>) {
        let change = NameChange { names, stranded: false };
        apply(Arc::make_mut(&mut self.names), &change);
        Arc::make_mut(&mut self.changes).push(change);
    }

    fn inode_mut(&mut self, number: FileNumber) -> &mut Inode {
        let inode = self.inodes.get_mut(&number).expect("an inode lives as long as the disk");
        Arc::make_mut(inode)
    }
}

fn apply(names: &mut BTreeMap<Arc<str>, Entry>, change: &NameChange) {
    for (name, entry) in &change.names {
        match entry {
            Some(entry) => names.insert(Arc::clone(name), *entry),
            None => names.remove(name),
        };
    }
}

fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn place(offset: u64, bytes: usize) -> io::Result<usize> {
    let end = u64::try_from(bytes).ok().and_then(|bytes| offset.checked_add(bytes));
    match (usize::try_from(offset), end) {
        (Ok(offset), Some(end)) if end <= FILE_BYTES_MAX => Ok(offset),
        _ => Err(io::ErrorKind::FileTooLarge.into()),
    }
}

fn sectors(offset: usize, bytes: usize) -> std::ops::Range<usize> {
    if bytes == 0 {
        return 0..0;
    }
    offset / SECTOR_BYTES..(offset + bytes).div_ceil(SECTOR_BYTES)
}
