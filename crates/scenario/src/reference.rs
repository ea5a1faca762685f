//! The tables of keys as pages of the reference show them.

use super::tables::{Form, KeyGroup, TableSpec, WhenAbsent};
use std::collections::BTreeMap;

/// These tables and all below them.
pub(crate) fn tables(roots: &[&'static TableSpec]) -> Vec<&'static TableSpec> {
    fn below(form: Form, found: &mut Vec<&'static TableSpec>) {
        match form {
            Form::Table(table) | Form::Tables(table) => add(table, found),
            Form::Map(of) | Form::Array(of) => below(*of, found),
            Form::Tuple(forms) | Form::OneOf(forms) => forms.iter().for_each(|form| below(*form, found)),
            _ => {}
        }
    }
    fn add(table: &'static TableSpec, found: &mut Vec<&'static TableSpec>) {
        if !found.iter().any(|known| known.name == table.name) {
            found.push(table);
            table.keys().for_each(|key| below(key.form, found));
        }
    }
    let mut found = Vec::new();
    roots.iter().for_each(|root| add(root, &mut found));
    found
}

/// Every group of keys of these tables and those below them, by its heading.
pub(crate) fn groups(roots: &[&'static TableSpec]) -> BTreeMap<&'static str, &'static KeyGroup> {
    let of = |table: &&'static TableSpec| {
        let capabilities = table.capabilities.map(|group| group());
        table.groups.iter().copied().chain(capabilities).map(|group| (group.name, group)).collect::<Vec<_>>()
    };
    tables(roots).iter().flat_map(of).collect()
}

/// The form of a value, as the reference says it.
fn form(form: Form) -> String {
    match form {
        Form::Text => "text".into(),
        Form::Path => "path".into(),
        Form::Name => "name".into(),
        Form::Pattern => "pattern".into(),
        Form::Version => "version".into(),
        Form::Boolean => "boolean".into(),
        Form::True => "`true`".into(),
        Form::Integer { .. } | Form::Number => "number".into(),
        Form::Amount => "amount".into(),
        Form::Quantity => "quantity".into(),
        Form::Duration => "duration".into(),
        Form::Time => "time".into(),
        Form::Share => "share".into(),
        Form::Words(words) => {
            words.iter().filter(|word| !word.is_empty()).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Form::Names(_) => "name".into(),
        Form::Sysctls => "sysctls".into(),
        Form::Table(table) if !table.name.starts_with('[') && !table.name.contains('.') => format!("`{}`", table.name),
        Form::Table(_) => "table".into(),
        Form::Tables(_) => "tables".into(),
        Form::Map(of) => format!("{} by name", plural(&self::form(*of))),
        Form::Array(of) => format!("array of {}", plural(&self::form(*of))),
        Form::Tuple(forms) => format!("[{}]", forms.iter().map(|one| self::form(*one)).collect::<Vec<_>>().join(", ")),
        Form::OneOf(forms) => {
            let mut said: Vec<String> = forms.iter().map(|one| self::form(*one)).collect();
            said.dedup();
            said.join(" or ")
        }
    }
}

fn plural(form: &str) -> String {
    match form {
        "text" | "name" | "time" | "duration" | "boolean" | "table" => format!("{form}s"),
        "quantity" => "quantities".into(),
        other => other.into(),
    }
}

/// The rows of a group.
fn rows(group: &KeyGroup) -> String {
    let mut text = String::from("| key | form | default | meaning |\n|---|---|---|---|\n");
    for key in group.keys {
        let default = match key.default {
            WhenAbsent::Required => "required".into(),
            WhenAbsent::Is(value) => format!("`{value}`"),
            WhenAbsent::Says(words) => words.to_owned(),
            WhenAbsent::Absent => "none".into(),
        };
        text += &format!("| `{}` | {} | {default} | {} |\n", key.name, form(key.form), key.doc);
    }
    text
}

/// A page of the reference with the rows of its tables, each after a line `<!-- keys: GROUP -->`, as the tables below
/// these have them.
///
/// # Panics
/// When the page names a group that there is not.
pub fn page(page: &str, roots: &[&'static TableSpec]) -> String {
    let groups = groups(roots);
    let mut lines = page.lines().peekable();
    let mut text = String::new();
    while let Some(line) = lines.next() {
        text += &format!("{line}\n");
        if let Some(name) = line.strip_prefix("<!-- keys: ").and_then(|rest| rest.strip_suffix(" -->")) {
            text += &rows(groups.get(name).unwrap_or_else(|| panic!("there are no keys called {name:?}")));
            while lines.next_if(|line| line.starts_with('|')).is_some() {}
        }
    }
    text
}
