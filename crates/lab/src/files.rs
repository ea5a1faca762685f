//! Files that were handed over.

use oomsim_scenario::{FileError, Files};
use std::collections::BTreeMap;

/// Texts by path.
#[derive(Debug, Default)]
pub struct Stored(BTreeMap<String, String>);

impl Stored {
    /// Keeps a file.
    pub fn add(&mut self, path: String, text: String) {
        self.0.insert(path, text);
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// The files as a scenario in this folder names them.
    pub fn beside<'a>(&'a self, folder: &'a str) -> Beside<'a> {
        Beside { files: self, folder }
    }
}

/// Files relative to a folder.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    files: &'a Stored,
    folder: &'a str,
}

impl Beside<'_> {
    /// The path from the root, without `.` and `..`.
    pub fn whole(&self, path: &str) -> String {
        let mut parts = Vec::new();
        for part in self.folder.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("/")
    }
}

impl Files for Beside<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let whole = self.whole(path);
        self.files.text(&whole).map(str::to_owned).ok_or_else(|| format!("{whole} was not handed over").into())
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
        let folder = format!("{}/", self.whole(directory));
        let names = self.files.0.keys().filter_map(|path| path.strip_prefix(&folder));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_from_the_folder_of_the_scenario() {
        let mut stored = Stored::default();
        stored.add("lint/a.yaml".into(), "a".into());
        stored.add("manifests/b.yaml".into(), "b".into());
        let beside = stored.beside("lint");
        assert_eq!(beside.read("./a.yaml"), Ok("a".into()));
        assert_eq!(beside.read("../manifests/b.yaml"), Ok("b".into()));
        assert_eq!(beside.list("../manifests"), Ok(vec!["b.yaml".into()]));
        assert!(beside.read("b.yaml").is_err());
    }
}
