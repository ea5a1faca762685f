//! Holds an object of a manifest against the types of the Kubernetes API: wrong types are errors, fields that do not
//! exist are warnings, both with their places.

use super::reader::Problems;
use super::value::{Entry, Kind, Value};
use kube_api::{Finding, Node, Tree};

/// Checks an object of a kind that [`kube_api::KINDS`] has.
pub(crate) fn check(p: &Problems, kind: &str, value: &Value) {
    let mut places = Vec::new();
    let tree = tree(value, None, &mut places);
    for finding in kube_api::check(kind, &tree).unwrap_or_default() {
        match finding {
            Finding::UnknownField(id) => {
                if let Some(entry) = places[id].1 {
                    p.warn(&entry.key_at, format!("`{}` is no field of the {kind} here: it is ignored", entry.key));
                }
            }
            Finding::Wrong(id, message) => p.error(&places[id].0.at, format!("not a {kind}: {message}")),
        }
    }
}

/// A value with the key that leads to it, by id.
type Places<'v> = Vec<(&'v Value, Option<&'v Entry>)>;

fn tree<'v>(value: &'v Value, entry: Option<&'v Entry>, places: &mut Places<'v>) -> Tree<'v> {
    let id = places.len();
    places.push((value, entry));
    let node = match &value.kind {
        Kind::Null => Node::Null,
        Kind::Bool(b) => Node::Bool(*b),
        Kind::Int(n) => Node::Int(*n),
        Kind::Number(text) => text.parse().map_or(Node::Text(text), Node::Float),
        Kind::Text(text) => Node::Text(text),
        Kind::Array(items) => Node::Array(items.iter().map(|item| tree(item, None, places)).collect()),
        Kind::Table(entries) => {
            Node::Table(entries.iter().map(|e| (e.key.as_str(), tree(&e.value, Some(e), places))).collect())
        }
    };
    Tree { id, node }
}
