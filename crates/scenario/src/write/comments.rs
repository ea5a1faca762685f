//! Comments above keys and tables of a written scenario.

use std::fmt;
use toml_edit::{Item, Table};

/// Comments by the path of what they stand above, in the form of `--set`: `node.system`, `pod.web`,
/// `pod.web.container.app`, `host.bash.workload`. The empty path is the head of the file.
#[derive(Clone, Debug, Default)]
pub struct Comments(Vec<(Vec<String>, String)>);

/// A comment is for something that the scenario's text does not have, perhaps because it has its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchKey(pub String);

impl fmt::Display for NoSuchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a comment is for `{}`, which the scenario's text does not have", self.0)
    }
}

impl std::error::Error for NoSuchKey {}

impl Comments {
    /// No comments.
    pub fn new() -> Self {
        Comments::default()
    }

    /// Puts a comment above a key or table; each line of the text becomes a line of comment.
    #[must_use]
    pub fn above(self, path: &str, text: &str) -> Self {
        let path: Vec<&str> = path.split('.').filter(|key| !key.is_empty()).collect();
        self.above_keys(&path, text)
    }

    /// The same by the keys of the path, of which some may contain dots.
    #[must_use]
    pub fn above_keys(mut self, path: &[&str], text: &str) -> Self {
        self.0.push((path.iter().map(|key| (*key).to_owned()).collect(), text.to_owned()));
        self
    }

    /// Puts all of them into a document.
    pub(super) fn apply(&self, root: &mut Table) -> Result<(), NoSuchKey> {
        for (path, text) in &self.0 {
            let lines: String =
                text.lines().map(|line| format!("# {}\n", printable(line)).replace("# \n", "#\n")).collect();
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let put = if path.is_empty() { at_head(root, &lines) } else { above(root, &path, &lines) };
            put.ok_or_else(|| NoSuchKey(path.join(".")))?;
        }
        Ok(())
    }
}

/// No control character ends a comment.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim_end().to_owned()
}

fn at_head(root: &mut Table, lines: &str) -> Option<()> {
    let (mut key, _) = root.iter_mut().next()?;
    key.leaf_decor_mut().set_prefix(lines);
    Some(())
}

/// Walks down; elements of arrays of tables are found by their name.
fn above(table: &mut Table, path: &[&str], lines: &str) -> Option<()> {
    let [key, rest @ ..] = path else { return None };
    let (mut found, item) = table.iter_mut().find(|(known, _)| known.get() == *key)?;
    match item {
        Item::Table(inner) if rest.is_empty() => inner.decor_mut().set_prefix(format!("\n{lines}")),
        Item::Table(inner) => return above(inner, rest, lines),
        Item::ArrayOfTables(tables) => {
            let [name, rest @ ..] = rest else { return None };
            let is =
                |table: &Table| ["name", "comm"].iter().any(|key| table.get(key).and_then(Item::as_str) == Some(name));
            let inner = tables.iter_mut().find(|table| is(table))?;
            match rest {
                [] => inner.decor_mut().set_prefix(format!("\n{lines}")),
                rest => return above(inner, rest, lines),
            }
        }
        Item::Value(_) if rest.is_empty() => found.leaf_decor_mut().set_prefix(lines),
        _ => return None,
    }
    Some(())
}
