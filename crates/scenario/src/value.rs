//! A tree of values with their places, the common form of TOML, YAML and JSON.

use super::source::{Location, Source};
use std::sync::Arc;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The value itself.
    pub kind: ValueKind,
    /// Its place in the source.
    pub at: Location,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueKind {
    /// `null` of YAML and JSON.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number that is not an `i64`, as it is written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// A table, its keys in the order of the text.
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_at: Location,
    /// The value of the key.
    pub value: Value,
}

impl Value {
    /// A value at a place of a text.
    pub fn new(kind: ValueKind, source: &Arc<Source>, span: std::ops::Range<usize>) -> Self {
        Value { kind, at: Location::new(source, span) }
    }

    /// The type in words, with article.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            ValueKind::Null => "null",
            ValueKind::Bool(_) => "a boolean",
            ValueKind::Int(_) | ValueKind::Number(_) => "a number",
            ValueKind::Text(_) => "a string",
            ValueKind::Array(_) => "an array",
            ValueKind::Table(_) => "a table",
        }
    }

    /// The text of a string.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            ValueKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a table.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            ValueKind::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn items(&self) -> Option<&[Value]> {
        match &self.kind {
            ValueKind::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries()?.iter().find(|e| e.key == key).map(|e| &e.value)
    }
}
