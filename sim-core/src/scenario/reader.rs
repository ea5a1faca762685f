//! Reads tables key by key and collects every problem instead of stopping at the first.
//!
//! A key that is asked for is a legal key, so that the list of legal names in a diagnostic is never out of date.

use super::diagnostic::Diagnostic;
use super::names::{nearest, quoted_list};
use super::source::Location;
use super::value::{Entry, Value};
use std::cell::RefCell;

/// More problems than this are not worth reading.
const MAX_PROBLEMS: usize = 100;

/// Problems found so far.
#[derive(Default)]
pub struct Problems {
    list: RefCell<Vec<Diagnostic>>,
    /// Which keys were legal where: what the reference page is held against.
    #[cfg(test)]
    keys: RefCell<std::collections::BTreeMap<&'static str, std::collections::BTreeSet<&'static str>>>,
}

impl Problems {
    /// Adds a problem, unless there are too many already.
    pub fn push(&self, diagnostic: Diagnostic) {
        let mut list = self.list.borrow_mut();
        if list.len() < MAX_PROBLEMS {
            list.push(diagnostic);
        }
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
        self.list.borrow().iter().filter(|d| d.severity == super::diagnostic::Severity::Error).count()
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
        let legal: Vec<&str> = legal.into_iter().collect();
        let mut diagnostic = Diagnostic::error(at, format!("unknown {kind} `{given}`"));
        if let Some(name) = nearest(given, legal.iter().copied()) {
            diagnostic = diagnostic.label(format!("did you mean `{name}`?"));
        }
        if !legal.is_empty() {
            diagnostic = diagnostic.help(format!("legal: {}", quoted_list(legal)));
        }
        self.push(diagnostic);
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

    /// Takes over which keys were legal where.
    #[cfg(test)]
    pub(crate) fn learn(&self, other: &Problems) {
        let mut keys = self.keys.borrow_mut();
        for (table, legal) in &*other.keys.borrow() {
            keys.entry(table).or_default().extend(legal);
        }
    }

    /// The problems in the order of their places.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut list = self.list.into_inner();
        list.sort_by(|a, b| place(a).cmp(&place(b)));
        list.dedup();
        list
    }

    /// Legal keys by kind of table, as far as tables were read.
    #[cfg(test)]
    pub fn legal_keys(&self) -> std::collections::BTreeMap<&'static str, std::collections::BTreeSet<&'static str>> {
        self.keys.borrow().clone()
    }
}

fn place(diagnostic: &Diagnostic) -> Option<(&str, usize)> {
    diagnostic.at.as_ref().map(|at| (at.source.name.as_str(), at.span.start))
}

/// Reads one table.
pub struct TableReader<'a> {
    problems: &'a Problems,
    kind: &'static str,
    entries: &'a [Entry],
    at: &'a Location,
    asked: Vec<&'static str>,
    taken: Vec<bool>,
}

impl<'a> TableReader<'a> {
    /// Begins to read a value that has to be a table; `kind` names that kind of table in the reference.
    pub fn open(problems: &'a Problems, kind: &'static str, value: &'a Value) -> Option<Self> {
        let Some(entries) = value.entries() else {
            problems.expected(value, &format!("a table ({kind})"));
            return None;
        };
        let taken = vec![false; entries.len()];
        Some(TableReader { problems, kind, entries, at: &value.at, asked: Vec::new(), taken })
    }

    /// Where problems go.
    pub fn problems(&self) -> &'a Problems {
        self.problems
    }

    /// Where the table is.
    pub fn at(&self) -> &'a Location {
        self.at
    }

    /// The value of a key, which is legal from now on.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.entry(key).map(|e| &e.value)
    }

    /// Key and value of a key, which is legal from now on.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        if !self.asked.contains(&key) {
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
                let message = format!("`{key}` is missing in {}", self.kind);
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

    /// Keys not asked for yet; they count as legal, the caller judges them.
    pub fn rest(&mut self) -> Vec<&'a Entry> {
        let mut rest = Vec::new();
        for (entry, taken) in self.entries.iter().zip(&mut self.taken) {
            if !std::mem::replace(taken, true) {
                rest.push(entry);
            }
        }
        rest
    }

    /// Names asked for so far.
    pub fn legal(&self) -> &[&'static str] {
        &self.asked
    }

    /// Ends the table: every key that nobody asked for is reported.
    pub fn finish(mut self) {
        for entry in self.rest() {
            self.problems.unknown_key(entry, self.kind, &self.asked);
        }
        #[cfg(test)]
        self.problems.keys.borrow_mut().entry(self.kind).or_default().extend(self.asked);
    }
}
