//! TOML text as a [`Value`].

use super::diagnostic::Diagnostic;
use super::source::{Location, Source};
use super::value::{Entry, Value, ValueKind};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Parses a document; all syntax errors are reported.
///
/// # Errors
/// What is wrong with the syntax, each with its place.
pub fn parse_document(source: &Arc<Source>) -> Result<Value, Vec<Diagnostic>> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        return Err(errors.iter().map(|error| syntax_error(source, error)).collect());
    }
    Ok(Value::new(entries_of(source, table.get_ref(), 0), source, table.span()))
}

/// Parses a single value, as after `--set key=`; `None` when it is not TOML. `offset` is where `text` begins in the
/// source.
pub(crate) fn parse_value(source: &Arc<Source>, text: &str, offset: usize) -> Option<Value> {
    let (value, errors) = DeValue::parse_recoverable(text);
    errors.is_empty().then(|| value_of(source, &value, offset))
}

/// The keys of a dotted path with their places; `text` is the beginning of the source.
pub fn parse_keys(source: &Arc<Source>, text: &str) -> Option<Vec<(String, Location)>> {
    let document = format!("{text}=0");
    let (table, errors) = DeTable::parse_recoverable(&document);
    if !errors.is_empty() {
        return None;
    }
    let mut keys = Vec::new();
    let mut table = table.get_ref();
    loop {
        let (key, value) = table.iter().next()?;
        keys.push((key.get_ref().to_string(), Location::new(source, key.span())));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(keys),
        }
    }
}

fn syntax_error(source: &Arc<Source>, error: &toml::de::Error) -> Diagnostic {
    let at = Location::new(source, error.span().unwrap_or(0..0));
    Diagnostic::error(&at, format!("not valid TOML: {}", error.message().replace('\n', ", ")))
}

fn entries_of(source: &Arc<Source>, table: &DeTable<'_>, offset: usize) -> ValueKind {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_at: Location::new(source, key.span().start + offset..key.span().end + offset),
            value: value_of(source, value, offset),
        })
        .collect();
    entries.sort_by_key(|e| e.key_at.span.start);
    ValueKind::Table(entries)
}

fn value_of(source: &Arc<Source>, value: &Spanned<DeValue<'_>>, offset: usize) -> Value {
    let kind = match value.get_ref() {
        DeValue::String(text) => ValueKind::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
            Ok(n) => ValueKind::Int(n),
            Err(_) => ValueKind::Number(number.as_str().to_string()),
        },
        DeValue::Float(number) => ValueKind::Number(number.as_str().to_string()),
        DeValue::Boolean(b) => ValueKind::Bool(*b),
        DeValue::Datetime(date) => ValueKind::Text(date.to_string()),
        DeValue::Array(items) => ValueKind::Array(items.iter().map(|item| value_of(source, item, offset)).collect()),
        DeValue::Table(table) => entries_of(source, table, offset),
    };
    Value::new(kind, source, value.span().start + offset..value.span().end + offset)
}
