//! Reads tables key by key and collects every problem instead of stopping at the first.
//!
//! Which keys are legal is said by the table's [`TableSpec`]. A key that is asked for and is not in it, or is in it and
//! not asked for, is a defect that every debug build finds when it reads such a table.

use super::diagnostic::{Diagnostic, Severity};
use super::names::{nearest, quoted_list};
use super::source::Location;
use super::tables::{KeySpec, TableSpec};
use super::value::{Entry, Value};
use oomsim_core::record::StableHasher;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

/// More errors, or more warnings, than this are counted but not listed.
const MAX_LISTED: usize = 1_000;
/// Names that are compared with wrong ones before no more nearest names are looked for: a second's work.
const MAX_COMPARED: usize = 4_000_000;

/// Problems found so far.
#[derive(Default)]
pub struct Problems {
    list: RefCell<Vec<Diagnostic>>,
    /// Errors and warnings in it, and those that are not.
    listed: Cell<[usize; 2]>,
    unlisted: Cell<[usize; 2]>,
    /// Hashes of all of them.
    said: RefCell<BTreeSet<u64>>,
    /// Names that were compared with wrong ones.
    compared: Cell<usize>,
    /// Which keys were asked for where: what the tables are held against.
    #[cfg(test)]
    keys: RefCell<std::collections::BTreeMap<&'static str, std::collections::BTreeSet<&'static str>>>,
}

impl Problems {
    /// Adds a problem.
    pub fn push(&self, diagnostic: Diagnostic) {
        if !self.said.borrow_mut().insert(key(&diagnostic)) {
            return; // A file that is read for several pods has the same problem each time.
        }
        let kind = usize::from(diagnostic.severity == Severity::Warning);
        let full = self.listed.get()[kind] == MAX_LISTED;
        add(if full { &self.unlisted } else { &self.listed }, kind, 1);
        if !full {
            self.list.borrow_mut().push(diagnostic);
        }
    }

    /// Takes over what others have counted but not listed.
    pub fn unlisted(&self, others: &Problems) {
        (0..2).for_each(|kind| add(&self.unlisted, kind, others.unlisted.get()[kind]));
    }

    /// Adds an error at a place.
    pub fn error(&self, at: &Location, message: impl Into<String>) {
        self.push(Diagnostic::error(at, message));
    }

    /// Adds a warning at a place.
    pub fn warn(&self, at: &Location, message: impl Into<String>) {
        self.push(Diagnostic::warning(at, message));
    }

    /// How many errors there are so far.
    pub fn errors(&self) -> usize {
        self.listed.get()[0] + self.unlisted.get()[0]
    }

    /// Reports a value of the wrong type or form.
    pub fn expected(&self, value: &Value, what: &str) {
        let found = match value.as_text() {
            Some(text) if text.len() <= 60 => format!("{text:?}"),
            _ if value.items().is_some_and(<[_]>::is_empty) => "an empty array".into(),
            _ => value.type_name().to_string(),
        };
        self.push(Diagnostic::error(&value.at, format!("expected {what}, found {found}")));
    }

    /// Reports a name that is none of the legal ones.
    pub fn unknown<'n>(&self, at: &Location, kind: &str, given: &str, legal: impl IntoIterator<Item = &'n str>) {
        self.wrong_name(at, format!("unknown {kind} `{given}`"), given, "legal", &mut legal.into_iter());
    }

    /// Reports a name that nothing of the scenario has; `names` are those that there are.
    pub(crate) fn absent<'n>(&self, at: &Location, kind: &str, given: &str, names: impl IntoIterator<Item = &'n str>) {
        // What has a wrong name has none here.
        let mut names = names.into_iter().filter(|name| !name.is_empty());
        self.wrong_name(at, format!("the scenario has no {kind} `{given}`"), given, "it has", &mut names);
    }

    /// Reports a name that is none of these; `message` has it.
    pub(crate) fn wrong_name(
        &self,
        at: &Location,
        message: String,
        given: &str,
        heading: &str,
        names: &mut dyn Iterator<Item = &str>,
    ) {
        let mut diagnostic = Diagnostic::error(at, message);
        if self.listed.get()[0] < MAX_LISTED {
            let names: Vec<&str> = names.collect();
            if let Some(name) = self.nearest(given, &names) {
                diagnostic = diagnostic.label(format!("did you mean `{name}`?"));
            }
            if !names.is_empty() {
                diagnostic = diagnostic.help(format!("{heading}: {}", quoted_list(names)));
            }
        }
        self.push(diagnostic);
    }

    /// The name that was probably meant, as long as not too many were compared.
    fn nearest<'n>(&self, given: &str, names: &[&'n str]) -> Option<&'n str> {
        let compared = self.compared.get().saturating_add(names.len());
        self.compared.set(compared);
        if compared > MAX_COMPARED { None } else { nearest(given, names.iter().copied()) }
    }

    /// Reports a key that a table does not have.
    fn unknown_key(&self, entry: &Entry, table: &str, legal: &[&str]) {
        let message = format!("unknown key `{}` in {table}", entry.key);
        let mut diagnostic = Diagnostic::error(&entry.key_at, message);
        if let Some(name) = nearest(&entry.key, legal.iter().copied()) {
            diagnostic = diagnostic.label(format!("did you mean `{name}`?"));
        }
        self.push(diagnostic.help(format!("legal: {}", quoted_list(legal.iter().copied()))));
    }

    /// Takes over which keys were asked for where.
    #[cfg(test)]
    pub(crate) fn learn(&self, other: &Problems) {
        let mut keys = self.keys.borrow_mut();
        for (table, legal) in &*other.keys.borrow() {
            keys.entry(table).or_default().extend(legal);
        }
    }

    /// The listed problems in the order of their places.
    pub fn sorted(&self) -> Vec<Diagnostic> {
        let mut list = self.list.take();
        list.sort_by(|a, b| place(a).cmp(&place(b)));
        list
    }

    /// The same, and how many more there are.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut list = self.sorted();
        for (severity, more) in [Severity::Error, Severity::Warning].into_iter().zip(self.unlisted.get()) {
            if more > 0 {
                let message = format!("{more} more {}s are not listed", severity.as_str());
                list.push(Diagnostic::without_place(severity, message));
            }
        }
        list
    }

    /// Keys that were asked for by kind of table, as far as tables were read.
    #[cfg(test)]
    pub(crate) fn asked_keys(
        &self,
    ) -> std::collections::BTreeMap<&'static str, std::collections::BTreeSet<&'static str>> {
        self.keys.borrow().clone()
    }
}

fn add(counts: &Cell<[usize; 2]>, kind: usize, n: usize) {
    let mut all = counts.get();
    all[kind] += n;
    counts.set(all);
}

fn key(diagnostic: &Diagnostic) -> u64 {
    let mut hasher = StableHasher::default();
    let Diagnostic { severity, code, message, at: _, label, help, kind: _, keeps_kubelet_down: _ } = diagnostic;
    (severity, code, message, place(diagnostic), label, help).hash(&mut hasher);
    hasher.finish()
}

fn place(diagnostic: &Diagnostic) -> Option<(&str, usize)> {
    diagnostic.at.as_ref().map(|at| (at.source.name.as_str(), at.span.start))
}

/// Reads one table.
pub struct TableReader<'a> {
    problems: &'a Problems,
    spec: &'static TableSpec,
    entries: &'a [Entry],
    at: &'a Location,
    taken: Vec<bool>,
    /// Nothing is left to be judged.
    given_up: bool,
    #[cfg(debug_assertions)]
    asked: Vec<&'static str>,
}

impl<'a> TableReader<'a> {
    /// Begins to read a value that has to be a table.
    pub fn open(problems: &'a Problems, spec: &'static TableSpec, value: &'a Value) -> Option<Self> {
        let Some(entries) = value.entries() else {
            problems.expected(value, &format!("a table ({})", spec.name));
            return None;
        };
        let taken = vec![false; entries.len()];
        Some(TableReader {
            problems,
            spec,
            entries,
            at: &value.at,
            taken,
            given_up: false,
            #[cfg(debug_assertions)]
            asked: Vec::new(),
        })
    }

    /// Where problems go.
    pub fn problems(&self) -> &'a Problems {
        self.problems
    }

    /// Where the table is.
    pub fn at(&self) -> &'a Location {
        self.at
    }

    /// The value of a key.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.entry(key).map(|e| &e.value)
    }

    /// Key and value of a key.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        #[cfg(debug_assertions)]
        {
            assert!(self.spec.key(key).is_some(), "`{key}` is not in the table of the keys of {}", self.spec.name);
            self.asked.push(key);
        }
        let index = self.entries.iter().position(|e| e.key == key)?;
        self.taken[index] = true;
        Some(&self.entries[index])
    }

    /// A value, or nothing when it is missing or wrong (which is reported).
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&'a Problems, &'a Value) -> Option<T>,
    ) -> Option<T> {
        parse(self.problems, self.get(key)?)
    }

    /// A value; its absence is reported.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&'a Problems, &'a Value) -> Option<T>,
    ) -> Option<T> {
        match self.get(key) {
            Some(value) => parse(self.problems, value),
            None => {
                let message = format!("`{key}` is missing in {}", self.spec.name);
                self.problems.push(Diagnostic::error(self.at, message).label(format!("`{key}` is required here")));
                None
            }
        }
    }

    /// A value or its default.
    pub fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl FnOnce(&'a Problems, &'a Value) -> Option<T>,
    ) -> T {
        self.optional(key, parse).unwrap_or(default)
    }

    /// The elements of an array; nothing when the key is missing.
    pub fn items(&mut self, key: &'static str) -> &'a [Value] {
        let Some(value) = self.get(key) else { return &[] };
        value.items().unwrap_or_else(|| {
            self.problems.expected(value, &format!("an array (`[[{key}]]`)"));
            &[]
        })
    }

    /// Keys not asked for yet; the caller judges them.
    pub fn rest(&mut self) -> Vec<&'a Entry> {
        self.given_up = true;
        self.untaken()
    }

    fn untaken(&mut self) -> Vec<&'a Entry> {
        let mut rest = Vec::new();
        for (entry, taken) in self.entries.iter().zip(&mut self.taken) {
            if !std::mem::replace(taken, true) {
                rest.push(entry);
            }
        }
        rest
    }

    /// Names of keys that are legal beside those that are there.
    pub fn legal(&self) -> Vec<&'static str> {
        let given = |name: &&str| self.entries.iter().any(|entry| entry.key == **name);
        let alternative = |key: &KeySpec| self.spec.one_of.contains(&key.name) && !given(&key.name);
        let chosen = self.spec.one_of.iter().any(given);
        let fits = |key: &&KeySpec| key.with.is_empty() || key.with.iter().any(given);
        self.spec.keys().filter(fits).filter(|key| !(chosen && alternative(key))).map(|key| key.name).collect()
    }

    /// Ends the table: every key that is not legal is reported.
    pub fn finish(mut self) {
        for entry in self.untaken() {
            let with = self.spec.key(&entry.key).map_or(&[][..], |key| key.with);
            if with.is_empty() {
                self.problems.unknown_key(entry, self.spec.name, &self.legal());
            } else {
                let needs = quoted_list(with.iter().copied());
                let message = format!("`{}` in {} has no meaning without {needs}", entry.key, self.spec.name);
                self.problems.push(Diagnostic::error(&entry.key_at, message));
            }
        }
        #[cfg(debug_assertions)]
        self.hold_against_the_table();
    }

    /// Every key of the table was asked for, but for those that belong to others.
    #[cfg(debug_assertions)]
    fn hold_against_the_table(self) {
        let belongs = |key: &KeySpec| !key.with.is_empty() || self.spec.one_of.contains(&key.name);
        for key in self.spec.keys().filter(|key| !self.given_up && !belongs(key)) {
            assert!(self.asked.contains(&key.name), "the reader of {} does not take `{}`", self.spec.name, key.name);
        }
        #[cfg(test)]
        self.problems.keys.borrow_mut().entry(self.spec.name).or_default().extend(self.asked);
    }
}
