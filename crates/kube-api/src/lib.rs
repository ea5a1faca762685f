//! Holds a tree of values against a type of the Kubernetes API: wrong types are found, and fields that the type does
//! not have. The types are those of `k8s-openapi`; nothing of them leaves this crate, so that it is compiled once.
//!
//! ```
//! use oomsim_kube_api::{Finding, Node, Tree, check};
//!
//! let container = Tree { id: 3, node: Node::Table(vec![("name", Tree { id: 4, node: Node::Text("app") })]) };
//! let spec = vec![
//!     ("containers", Tree { id: 2, node: Node::Array(vec![container]) }),
//!     ("priority", Tree { id: 5, node: Node::Text("high") }),
//! ];
//! let pod = Tree { id: 0, node: Node::Table(vec![("spec", Tree { id: 1, node: Node::Table(spec) })]) };
//! let found = check("Pod", &pod).expect("a kind with pods");
//! assert!(matches!(found[0], Finding::Wrong(5, _)));
//! ```

mod check;

use check::check_as;
use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};

/// A value. `id` is the caller's name for its place.
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    /// Place of the value.
    pub id: usize,
    /// The value.
    pub node: Node<'a>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Node<'a> {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A list.
    Array(Vec<Tree<'a>>),
    /// Keys and values.
    Table(Vec<(&'a str, Tree<'a>)>),
}

/// Something that does not fit the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The field that holds the value with this id does not exist.
    UnknownField(usize),
    /// The value with this id has the wrong type, or something is missing in it.
    Wrong(usize, String),
}

/// The kinds with pods that are known, each with the path to the pod's own fields.
pub const KINDS: [(&str, &[&str]); 8] = [
    ("Pod", &[]),
    ("Deployment", &["spec", "template"]),
    ("ReplicaSet", &["spec", "template"]),
    ("ReplicationController", &["spec", "template"]),
    ("StatefulSet", &["spec", "template"]),
    ("DaemonSet", &["spec", "template"]),
    ("Job", &["spec", "template"]),
    ("CronJob", &["spec", "jobTemplate", "spec", "template"]),
];

/// Checks an object; `None` when the kind is none of [`KINDS`].
pub fn check(kind: &str, object: &Tree<'_>) -> Option<Vec<Finding>> {
    Some(match kind {
        "Pod" => check_as::<core::Pod>(object),
        "Deployment" => check_as::<apps::Deployment>(object),
        "ReplicaSet" => check_as::<apps::ReplicaSet>(object),
        "ReplicationController" => check_as::<core::ReplicationController>(object),
        "StatefulSet" => check_as::<apps::StatefulSet>(object),
        "DaemonSet" => check_as::<apps::DaemonSet>(object),
        "Job" => check_as::<batch::Job>(object),
        "CronJob" => check_as::<batch::CronJob>(object),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_and_wrong_types_are_found_at_their_places() {
        let tree = |id, node| Tree { id, node };
        let spec = Node::Table(vec![
            ("containers", tree(3, Node::Array(vec![tree(4, Node::Table(vec![("name", tree(5, Node::Text("a")))]))]))),
            ("hostPid", tree(6, Node::Bool(true))),
            ("priority", tree(7, Node::Text("high"))),
        ]);
        let pod = tree(0, Node::Table(vec![("metadata", tree(1, Node::Table(vec![]))), ("spec", tree(2, spec))]));
        let found = check("Pod", &pod).unwrap();
        assert_eq!(found[0], Finding::UnknownField(6));
        assert!(matches!(&found[1], Finding::Wrong(7, message) if message.contains("\"high\"")), "{found:?}");
        assert!(check("Service", &pod).is_none());
        assert!(KINDS.iter().all(|(kind, _)| check(kind, &pod).is_some()));
    }
}
