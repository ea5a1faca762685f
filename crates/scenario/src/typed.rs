//! Holds an object of a manifest against the types of the Kubernetes API: wrong types are errors, fields that do not
//! exist are warnings, both with their places.

use super::reader::Problems;
use super::value::{Entry, Value, ValueKind};
use oomsim_kube_api::{Finding, Node, Tree};

/// Most wrong values of one object that are looked for.
const MAX_WRONG: usize = 20;

/// Checks an object of a kind that [`oomsim_kube_api::KINDS`] has. A check ends at the first wrong value, so it is
/// repeated without that value.
pub(crate) fn check(p: &Problems, kind: &str, value: &Value) {
    let mut places = Vec::new();
    let mut tree = tree(value, None, &mut places);
    for _ in 0..MAX_WRONG {
        let mut wrong = None;
        for finding in oomsim_kube_api::check(kind, &tree).unwrap_or_default() {
            match finding {
                Finding::UnknownField(id) => {
                    if let Some(entry) = places[id].1 {
                        let message = format!("`{}` is not a field of the {kind} and is ignored", entry.key);
                        p.warn(&entry.key_at, message);
                    }
                }
                Finding::Wrong(id, message) => {
                    p.error(&places[id].0.at, format!("not a {kind}: {message}"));
                    wrong = Some(id);
                }
            }
        }
        if !wrong.is_some_and(|id| remove(&mut tree, id)) {
            return;
        }
    }
}

/// Takes a value out of the tree; false when it is not in it, or is all of it.
fn remove(tree: &mut Tree<'_>, id: usize) -> bool {
    match &mut tree.node {
        Node::Array(items) => {
            let before = items.len();
            items.retain(|item| item.id != id);
            items.len() < before || items.iter_mut().any(|item| remove(item, id))
        }
        Node::Table(entries) => {
            let before = entries.len();
            entries.retain(|(_, value)| value.id != id);
            entries.len() < before || entries.iter_mut().any(|(_, value)| remove(value, id))
        }
        _ => false,
    }
}

/// A value with the key that leads to it, by id.
type Places<'v> = Vec<(&'v Value, Option<&'v Entry>)>;

fn tree<'v>(value: &'v Value, entry: Option<&'v Entry>, places: &mut Places<'v>) -> Tree<'v> {
    let id = places.len();
    places.push((value, entry));
    let node = match &value.kind {
        ValueKind::Null => Node::Null,
        ValueKind::Bool(b) => Node::Bool(*b),
        ValueKind::Int(n) => Node::Int(*n),
        ValueKind::Number(text) => text.parse().map_or(Node::Text(text), Node::Float),
        ValueKind::Text(text) => Node::Text(text),
        ValueKind::Array(items) => Node::Array(items.iter().map(|item| tree(item, None, places)).collect()),
        ValueKind::Table(entries) => {
            Node::Table(entries.iter().map(|e| (e.key.as_str(), tree(&e.value, Some(e), places))).collect())
        }
    };
    Tree { id, node }
}
