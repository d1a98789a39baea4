//! Names in order, each told by how much it shares with the one before.
//!
//! A sealed segment numbers its names by their order, and holds none that no record has: the same
//! records give the same file, however the names came to be.

use crate::log::embedded::raw::{
    NAME_BYTES_MAX, NameDefinition, NameKind, Names, RowError, slice, varint,
};

use super::error::Fault;

/// Adds a name after another.
pub(super) fn put(before: &str, name: &str, out: &mut Vec<u8>) {
    let shared = shared(before.as_bytes(), name.as_bytes());
    let rest = name.as_bytes().get(shared..).unwrap_or_default();
    varint::put_len(shared, out);
    varint::put_len(rest.len(), out);
    out.extend_from_slice(rest);
}

fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Takes the name after `name`, and puts it there. Only the shortest telling is taken.
pub(super) fn take(name: &mut Vec<u8>, input: &mut &[u8]) -> Result<(), Fault> {
    let keep = varint::take_len(input)?;
    let length = varint::take_len(input)?;
    let rest = slice(input, length)?;
    let bytes = keep.saturating_add(length);
    let is_next = match (name.get(keep), rest.first()) {
        // What is told again must differ from what was there, and be greater.
        (Some(before), Some(now)) => before < now,
        (None, Some(_)) => keep == name.len(),
        (_, None) => false,
    };
    if !is_next || bytes > NAME_BYTES_MAX {
        return Err(RowError::Name { bytes }.into());
    }
    name.truncate(keep);
    name.extend_from_slice(rest);
    Ok(())
}

/// The name as text.
pub(super) fn text(name: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(name).map_err(|_| RowError::Name { bytes: name.len() }.into())
}

/// The lists that are kept whole; streams have a directory.
pub(super) const LISTS: [NameKind; 3] = [NameKind::Wire, NameKind::Actor, NameKind::Source];

/// Adds the names of one list.
pub(super) fn put_list(names: &[&str], out: &mut Vec<u8>) {
    let mut before = "";
    for name in names {
        put(before, name, out);
        before = name;
    }
}

/// Takes all lists off bytes that hold nothing else.
pub(super) fn take_lists(counts: [u32; 4], mut input: &[u8]) -> Result<Names, Fault> {
    let [_, wires, actors, sources] = counts;
    let mut names = Names::default();
    let mut name = Vec::new();
    for (kind, count) in LISTS.into_iter().zip([wires, actors, sources]) {
        name.clear();
        for number in 0..count {
            take(&mut name, &mut input)?;
            names.define(&NameDefinition { kind, number, text: text(&name)? })?;
        }
    }
    if input.is_empty() {
        Ok(names)
    } else {
        Err(Fault::Contradiction { what: "the number of names" })
    }
}
