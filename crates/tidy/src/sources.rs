//! The source files of a folder, parsed.

use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// A source file.
pub struct Source {
    /// Its path from the top of the workspace, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// The same, parsed.
    pub syntax: syn::File,
}

impl Source {
    /// A file of that name and text.
    ///
    /// # Errors
    /// When it is no Rust.
    pub fn new(path: &str, text: &str) -> syn::Result<Source> {
        Ok(Source { path: path.to_owned(), text: text.to_owned(), syntax: syn::parse_file(text)? })
    }

    /// The modules that it is in, from the root of its crate: `["kernel", "oom"]` of `src/kernel/oom.rs`.
    pub fn modules(&self) -> Vec<String> {
        let below = self.path.rsplit_once("src/").map_or("", |(_, below)| below);
        let mut modules: Vec<String> = below.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if matches!(modules.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            modules.pop();
        }
        modules
    }

    /// Whether it is only compiled for tests.
    pub fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        parts.contains(&"tests") || matches!(parts.last(), Some(&("tests.rs" | "testdata.rs")))
    }
}

/// The sources of a workspace.
pub struct Sources(PathBuf);

impl Sources {
    /// The workspace that this crate belongs to.
    pub fn of_workspace() -> Sources {
        Sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
    }

    /// The top folder.
    pub fn top(&self) -> &Path {
        &self.0
    }

    /// Every Rust file below these folders, in order of path.
    ///
    /// # Panics
    /// When one cannot be read or parsed: then nothing compiles either.
    pub fn below(&self, folders: &[&str]) -> Vec<Source> {
        let mut found = Vec::new();
        for folder in folders {
            for entry in WalkDir::new(self.0.join(folder)).sort_by_file_name() {
                let entry = entry.expect("a folder that can be read");
                let path = entry.path();
                if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(path).expect("a file that can be read");
                    let name = path.strip_prefix(&self.0).expect("below the top").to_string_lossy().replace('\\', "/");
                    found.push(Source::new(&name, &text).unwrap_or_else(|why| panic!("{name}: {why}")));
                }
            }
        }
        found
    }
}
