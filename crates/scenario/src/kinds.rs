//! `[[node]]`: nodes of several kinds in one file. Each kind is read as a scenario of its own, the file's with that
//! node, so that nothing behind the reader knows of kinds.

use super::diagnostic::Diagnostic;
use super::names::{nearest, quoted_list};
use super::overrides::Override;
use super::reader::Problems;
use super::source::Location;
use super::value::{Entry, Value, ValueKind};
use oomsim_core::node_api::Name;
use oomsim_core::plan::NodePlan;
use std::collections::BTreeMap;

/// Most kinds of a file.
const MAX_KINDS: usize = 100;

/// One kind of node.
pub(crate) struct NodeKind {
    /// The file as if there were nodes of this kind only, its `[node]` being this one.
    pub root: Value,
    /// Where its node is.
    pub at: Location,
    /// Settings of pods that come from manifests.
    pub of_manifests: Vec<Override>,
}

impl NodeKind {
    /// Its name as far as it has one.
    pub fn name(&self) -> &str {
        self.root.get("node").and_then(|node| node.get("name")?.as_text()).unwrap_or(NodePlan::DEFAULT_NAME)
    }
}

/// The kinds of a file.
pub(crate) struct Kinds {
    /// Names of `[[node]]`, in their order; empty for a file with one `[node]`.
    pub names: Vec<String>,
    /// As many, or the only one.
    pub list: Vec<NodeKind>,
    /// Where they are.
    pub at: Location,
}

impl Kinds {
    /// Takes a file apart, with overrides: those below `node.KIND` change one kind, the others what all kinds come to.
    pub fn of(p: &Problems, mut root: Value, overrides: &[String]) -> Kinds {
        let overrides: Vec<Override> = overrides.iter().filter_map(|text| Override::parse(p, text)).collect();
        let at = root.get("node").map_or(&root.at, |node| &node.at).clone();
        let Some(count) = root.get("node").and_then(Value::items).map(<[Value]>::len) else {
            let of_manifests = applied(p, overrides, &mut root);
            return Kinds { names: Vec::new(), list: vec![NodeKind { at: at.clone(), root, of_manifests }], at };
        };
        if count == 0 || count > MAX_KINDS {
            p.error(&at, format!("{count} kinds of node: expected 1 to {MAX_KINDS} (`[[node]]`)"));
            return Kinds { names: Vec::new(), list: Vec::new(), at };
        }
        if let Some(nodes) = root.entries().and_then(|all| all.iter().find(|e| e.key == "nodes")) {
            let problem = Diagnostic::error(&nodes.key_at, "`nodes` cannot be combined with several `[[node]]` kinds");
            p.push(problem.help("give each `[[node]]` a `count` instead"));
        }
        let given = names(p, root.get("node").and_then(Value::items).unwrap_or_default());
        let of_one = |change: &&Override| change.below("node").is_some_and(|name| given.iter().any(|n| n == name));
        overrides.iter().filter(of_one).for_each(|change| change.apply(p, &mut root));
        let tables = root.get("node").and_then(Value::items).unwrap_or_default();
        let list = tables.iter().map(|table| {
            let mut root = alone(&root, table);
            let of_all = overrides.iter().filter(|change| !of_one(change)).cloned().collect();
            let of_manifests = applied(p, of_all, &mut root);
            NodeKind { root, at: table.at.clone(), of_manifests }
        });
        Kinds { list: list.collect(), names: given, at }
    }

    /// Keeps one kind: the one of this name, or the only one.
    ///
    /// # Errors
    /// Which kinds there are.
    pub fn choose(&self, p: &Problems, name: Option<&str>) -> Option<usize> {
        let names = || self.names.iter().map(String::as_str);
        match name {
            None if self.list.len() == 1 => Some(0),
            None => {
                if self.list.len() > 1 {
                    let message = format!("the scenario has {} kinds of node, but this needs one", self.list.len());
                    let choose = format!("choose {}, with `--node` or with `node` in a study", quoted_list(names()));
                    p.push(Diagnostic::error(&self.at, message).help(choose));
                }
                None
            }
            Some(name) => {
                // A file with one node has no kinds, but its node has a name.
                let only = self.list.first().filter(|_| self.names.is_empty()).map(NodeKind::name);
                let index = names().chain(only).position(|known| known == name);
                if index.is_none() {
                    unknown(p, &self.at, name, names().chain(only));
                }
                index
            }
        }
    }

    /// Nodes of the kinds before this one: their seeds come first.
    pub fn before(&self, index: usize) -> u64 {
        let count = |kind: &NodeKind| match kind.root.get("nodes").map(|nodes| &nodes.kind) {
            Some(ValueKind::Int(count)) => u64::try_from(*count).unwrap_or(0),
            _ => 1,
        };
        self.list.iter().take(index).map(count).fold(0, u64::saturating_add)
    }
}

/// Changes the tree in the order of the settings; those of pods that come from manifests are left.
fn applied(p: &Problems, settings: Vec<Override>, root: &mut Value) -> Vec<Override> {
    let mut of_manifests = Vec::new();
    for setting in settings {
        if setting.of_manifest(root) {
            of_manifests.push(setting);
        } else {
            setting.apply(p, root);
        }
    }
    of_manifests
}

/// A name that no kind of node has.
fn unknown<'n>(p: &Problems, at: &Location, given: &str, legal: impl Iterator<Item = &'n str> + Clone) {
    let mut problem = Diagnostic::error(at, format!("the scenario has no node `{given}`"));
    if let Some(name) = nearest(given, legal.clone()) {
        problem = problem.label(format!("did you mean `{name}`?"));
    }
    p.push(problem.help(format!("it has: {}", quoted_list(legal))));
}

/// Names of the kinds; each has one of its own.
fn names(p: &Problems, tables: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for table in tables {
        let name = table.get("name").and_then(Value::as_text);
        match name {
            None if table.get("name").is_none() && table.entries().is_some() => {
                let problem = Diagnostic::error(&table.at, "`name` is missing in [[node]]");
                p.push(problem.label("`name` is required here"));
            }
            Some(name) if names.iter().any(|other| other == name) => {
                let problem = Diagnostic::error(&table.at, format!("two `[[node]]` are called `{name}`"));
                p.push(problem.help("use `count` for several nodes of one kind"));
            }
            _ => {}
        }
        names.push(name.unwrap_or_default().to_owned());
    }
    names
}

/// The file with this node as its only one: `count` is its `nodes`, and the keys of its `kubelet` replace those of the
/// common one.
fn alone(root: &Value, node: &Value) -> Value {
    let own = node.entries().unwrap_or_default();
    let find = |key: &str| own.iter().find(|entry| entry.key == key);
    let mut entries = Vec::new();
    for entry in root.entries().unwrap_or_default() {
        match entry.key.as_str() {
            "node" | "nodes" => {}
            "kubelet" if find("kubelet").is_some() => {}
            _ => entries.push(entry.clone()),
        }
    }
    let kind = match &node.kind {
        ValueKind::Table(own) => {
            ValueKind::Table(own.iter().filter(|e| !OF_KIND.contains(&e.key.as_str())).cloned().collect())
        }
        other => other.clone(),
    };
    let at = &node.at;
    let entry = |key: &str, value: Value| Entry { key: key.into(), key_at: value.at.clone(), value };
    entries.push(entry("node", Value { kind, at: at.clone() }));
    let count = find("count").map_or_else(|| Value { kind: ValueKind::Int(1), at: at.clone() }, |e| e.value.clone());
    entries.push(entry("nodes", count));
    if let Some(kubelet) = find("kubelet") {
        entries.push(Entry { value: merged(root.get("kubelet"), &kubelet.value), ..kubelet.clone() });
    }
    Value { kind: ValueKind::Table(entries), at: root.at.clone() }
}

/// Keys that only a `[[node]]` has.
pub(crate) const OF_KIND: [&str; 2] = ["count", "kubelet"];

/// A table whose keys replace those of another.
fn merged(common: Option<&Value>, own: &Value) -> Value {
    let (Some(common), Some(own_entries)) = (common.and_then(Value::entries), own.entries()) else {
        return own.clone();
    };
    let kept = common.iter().filter(|entry| !own_entries.iter().any(|e| e.key == entry.key));
    Value { kind: ValueKind::Table(kept.chain(own_entries).cloned().collect()), at: own.at.clone() }
}

/// On which nodes the tables of a scenario are, while one kind is read.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    /// Every kind of `[[node]]`; empty for a file with one `[node]`.
    pub kinds: &'a [String],
    /// The kind that is read, or the only node's name.
    pub name: &'a str,
}

impl Here<'_> {
    /// The tables that are for these nodes: `key` names a kind, and without it they are for every node.
    pub fn of<'v>(&self, p: &Problems, tables: &'v [Value], key: &str) -> Vec<&'v Value> {
        tables.iter().filter(|table| table.get(key).is_none_or(|value| self.is(p, value))).collect()
    }

    /// The same for a table whose name of a node has been judged.
    pub fn has(&self, table: &Value) -> bool {
        table.get("node").and_then(Value::as_text).is_none_or(|name| name == self.name)
    }

    /// True when the file has one `[node]`.
    pub fn is_only(&self) -> bool {
        self.kinds.is_empty()
    }

    fn is(&self, p: &Problems, value: &Value) -> bool {
        self.named(p, value).is_none_or(|name| *name == *self.name)
    }

    /// The name of a kind of node; one that no kind has is reported.
    pub fn named(&self, p: &Problems, value: &Value) -> Option<Name> {
        let Some(name) = value.as_text() else {
            p.expected(value, "the name of a node");
            return None;
        };
        let names = || self.kinds.iter().map(String::as_str).chain(self.is_only().then_some(self.name));
        if !names().any(|kind| kind == name) {
            unknown(p, &value.at, name, names());
        }
        Some(name.into())
    }
}

/// Problems by kind of node, as one list: what all kinds have is said once, the rest with the kinds that have it.
pub fn said_once(found: &[(&str, Vec<Diagnostic>)]) -> Vec<Diagnostic> {
    let mut list: Vec<(&Diagnostic, Vec<usize>)> = Vec::new();
    // Where those of a message are in the list: there may be many problems, of which few say the same.
    let mut same: BTreeMap<(&str, usize), Vec<usize>> = BTreeMap::new();
    for (kind, (_, problems)) in found.iter().enumerate() {
        for problem in problems {
            let start = problem.at.as_ref().map_or(0, |at| at.span.start);
            let known = same.entry((&problem.message, start)).or_default();
            match known.iter().copied().find(|&i| list[i].0 == problem) {
                Some(i) if list[i].1.contains(&kind) => {}
                Some(i) => list[i].1.push(kind),
                None => {
                    known.push(list.len());
                    list.push((problem, vec![kind]));
                }
            }
        }
    }
    let with_kinds = |(problem, kinds): (&Diagnostic, Vec<usize>)| {
        let names = kinds.iter().map(|kind| found[*kind].0);
        if kinds.len() < found.len() {
            problem.clone().help(format!("on nodes of the kind {}", quoted_list(names)))
        } else {
            problem.clone()
        }
    };
    list.into_iter().map(with_kinds).collect()
}
