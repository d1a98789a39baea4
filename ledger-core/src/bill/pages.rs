//! Lists of items that come in pages: one page, or an array of all pages of a bill in their order.
//!
//! A page that says that another follows is not a bill, and neither is a list with fewer items than
//! the provider counts: a bill that is short by a page would be believed.

use super::finding::{Findings, Problem};
use super::json::{Item, Node};
use super::{Draft, Notice};
use crate::event::provider::BillLine;

/// Makes a line of the item with this number.
pub(super) type ReadItem = fn(u32, &Item<'_>, &mut Findings) -> Option<BillLine>;

const ITEMS: &str = "invoice_items";

pub(super) fn read(bytes: &[u8], item: ReadItem) -> Draft {
    let mut draft = Draft::default();
    let Some(root) = Node::parse(bytes, &mut draft.findings) else {
        return draft;
    };
    let (mut found, mut expected) = (0, None);
    let pages = pages(root);
    for (page, pointer) in &pages {
        let Some(items) = page.member(ITEMS).filter(|it| it.is_array()) else {
            draft.findings.add(|| page.place(pointer), Problem::MissingMember { name: ITEMS });
            continue;
        };
        for (place, node) in items.elements().into_iter().enumerate() {
            let pointer = format!("{pointer}/{ITEMS}/{place}");
            found += 1;
            let row = u32::try_from(found).unwrap_or(u32::MAX);
            let Some(it) = Item::new(node, pointer, &mut draft.findings) else { continue };
            draft.lines.extend(item(row, &it, &mut draft.findings));
        }
        expected = expected.max(count(*page));
    }
    if let Some((last, pointer)) = pages.last().filter(|(it, _)| has_next(*it)) {
        draft.findings.add(|| last.place(pointer), Problem::PageFollows);
    }
    match expected {
        Some(expected) if expected != found => {
            draft.findings.add(|| root.place(""), Problem::Incomplete { found, expected });
        }
        Some(_) => (),
        None => draft.notices.push(Notice::NoItemCount),
    }
    draft
}

/// The pages and their pointers.
fn pages(root: Node<'_>) -> Vec<(Node<'_>, String)> {
    if root.is_array() {
        let pages = root.elements().into_iter().enumerate();
        return pages.map(|(index, page)| (page, format!("/{index}"))).collect();
    }
    vec![(root, String::new())]
}

/// How many items the provider counts on all pages.
fn count(page: Node<'_>) -> Option<usize> {
    page.member("meta")?.member("total")?.text()?.parse().ok()
}

/// Whether the list goes on: DigitalOcean leaves the link out at the end, Vultr leaves it empty.
fn has_next(page: Node<'_>) -> bool {
    let digitalocean = page.member("links").and_then(|it| it.member("pages"));
    let vultr = page.member("meta").and_then(|it| it.member("links"));
    let next = [digitalocean, vultr].into_iter().flatten().filter_map(|it| it.member("next"));
    next.filter_map(Node::text).any(|it| !it.is_empty())
}
