//! Which room of a crate – a module at its root – uses which.

use crate::Source;
use std::collections::BTreeSet;
use syn::visit::{self, Visit};

/// A use of another room.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The room that is used.
    pub room: String,
    /// The line.
    pub line: usize,
}

/// What a file uses of its crate: `crate::room::…` and `super::…`, in `use` and elsewhere. What is compiled for tests
/// only does not count.
pub fn uses(source: &Source) -> BTreeSet<Use> {
    let paths = Paths::of(source, source.modules());
    let rooms = paths.found.into_iter().filter_map(|(path, line)| Some(Use { room: path.first()?.clone(), line }));
    rooms.collect()
}

/// The paths of other crates that a file names and that begin with one of these (`std::fs`), each with its line. What
/// is compiled for tests only does not count.
pub fn outside(source: &Source, beginnings: &[&str]) -> Vec<(String, usize)> {
    let paths = Paths::of(source, source.modules());
    let all = paths.outside.into_iter().map(|(path, line)| (path.join("::"), line));
    let begins = |path: &str, start: &&str| {
        path.strip_prefix(*start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    all.filter(|(path, _)| beginnings.iter().any(|start| begins(path, start))).collect()
}

/// Paths in a file, from the root of its crate or from that of another.
struct Paths {
    modules: Vec<String>,
    found: Vec<(Vec<String>, usize)>,
    outside: Vec<(Vec<String>, usize)>,
}

impl Paths {
    fn of(source: &Source, modules: Vec<String>) -> Paths {
        let mut paths = Paths { modules, found: Vec::new(), outside: Vec::new() };
        if !source.is_test() {
            paths.visit_file(&source.syntax);
        }
        paths
    }

    fn add(&mut self, path: &[(String, usize)]) {
        let names = || path.iter().map(|(name, _)| name.as_str());
        let Some(line) = path.first().map(|(_, line)| *line) else { return };
        let up = names().take_while(|name| *name == "super").count();
        let owned = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect::<Vec<_>>();
        match names().next() {
            Some("crate") => self.found.push((owned(&mut names().skip(1)), line)),
            Some("super") => {
                let here = &self.modules[..self.modules.len().saturating_sub(up)];
                self.found.push(([here, &owned(&mut names().skip(up))].concat(), line));
            }
            Some("self" | "Self") | None => {}
            Some(_) => self.outside.push((owned(&mut names()), line)),
        }
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[(String, usize)]) {
        let one = |ident: &syn::Ident| (ident.to_string(), ident.span().start().line);
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &[before, &[one(&path.ident)]].concat()),
            syn::UseTree::Name(name) => self.add(&[before, &[one(&name.ident)]].concat()),
            syn::UseTree::Rename(rename) => self.add(&[before, &[one(&rename.ident)]].concat()),
            syn::UseTree::Glob(_) => self.add(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, before)),
        }
    }
}

/// `#[cfg(test)]`.
fn only_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'a> Visit<'a> for Paths {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !only_for_tests(&item.attrs) {
            self.modules.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.modules.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if !only_for_tests(&item.attrs) {
            self.tree(&item.tree, &[]);
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        if !only_for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        if !only_for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Vec<_> =
            path.segments.iter().map(|part| (part.ident.to_string(), part.ident.span().start().line)).collect();
        if names.len() > 1 {
            self.add(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'a syn::Visibility) {
        // `pub(in crate::kernel)` is no use of it.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(path: &str, text: &str) -> Vec<String> {
        let source = Source::new(path, text).unwrap();
        uses(&source).into_iter().map(|u| u.room).collect()
    }

    #[test]
    fn rooms_are_found_in_use_and_in_paths() {
        let text = "use crate::units::{Bytes, Pid};\nuse super::super::kernel::Kernel;\nuse std::fs;\n\
                    pub(in crate::world) fn f() { crate::record::g(); self::h(); }\n\
                    #[cfg(test)]\nmod tests { use crate::scenario::load; }\n";
        assert_eq!(rooms("sim-core/src/world/pod.rs", text), ["kernel", "record", "units"]);
        assert_eq!(rooms("sim-core/src/world/tests.rs", text), Vec::<String>::new());
        assert_eq!(rooms("x/src/a.rs", "mod b { use super::c; use super::super::d; }"), ["a", "d"]);
    }

    #[test]
    fn paths_of_other_crates_are_found_by_their_beginning() {
        let text = "use std::{fs, fmt};\nfn f() { std::env::var(\"X\"); std::envy(); }\n";
        let source = Source::new("x/src/a.rs", text).unwrap();
        let found = outside(&source, &["std::fs", "std::env"]);
        assert_eq!(found, [("std::fs".to_owned(), 1), ("std::env::var".to_owned(), 2)]);
    }
}
