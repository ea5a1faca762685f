//! Reading scenario files.

use crate::exit::Failure;
use oomsim_scenario::{Diagnostic, Document, Files, LoadedScenario, Location, Source, load, load_kind, load_kinds};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest file that is read.
const MAX_FILE: u64 = 16 << 20;

/// A scenario that cannot be run, with the places of its problems.
#[derive(Clone, Debug)]
pub struct Unusable {
    /// For people.
    pub failure: Failure,
    /// Every problem; empty when the file itself could not be read.
    pub problems: Vec<Diagnostic>,
}

impl Unusable {
    /// A file with problems.
    pub fn of(problems: Vec<Diagnostic>) -> Self {
        Unusable { failure: rendered(&problems), problems }
    }
}

impl From<Failure> for Unusable {
    fn from(failure: Failure) -> Self {
        Unusable { failure, problems: Vec::new() }
    }
}

impl From<Unusable> for Failure {
    fn from(unusable: Unusable) -> Self {
        unusable.failure
    }
}

/// Reads files relative to a scenario's folder.
pub struct Beside(pub PathBuf);

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        read_text(&self.0.join(path))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(self.0.join(directory)).map_err(|why| plain(&why))?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|why| plain(&why))?.file_name();
            names.push(name.into_string().map_err(|name| format!("the name {name:?} is not UTF-8"))?);
        }
        names.sort();
        Ok(names)
    }
}

/// An I/O error without the operating system's number.
pub fn plain(why: &std::io::Error) -> String {
    let text = why.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// The text of a file of reasonable size.
///
/// # Errors
/// Why it cannot be read.
pub fn read_text(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|why| plain(&why))?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err("it is a folder".into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|why| plain(&why))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {} MiB", MAX_FILE >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".into())
}

/// The text of a file that was named.
///
/// # Errors
/// For people, why it cannot be read.
pub fn named_text(file: &Path) -> Result<String, Failure> {
    read_text(file).map_err(|why| Failure::bad_input(format!("{} cannot be read: {why}", file.display())))
}

/// Reads and validates a scenario file, with the overrides of `--set`: each kind of node as a scenario, or the one that
/// is named. All have the warnings of the file.
///
/// # Errors
/// When it cannot be read, or with all its problems.
pub fn scenarios(file: &Path, overrides: &[String], node: Option<&str>) -> Result<Vec<LoadedScenario>, Unusable> {
    let name = file.display().to_string();
    let text = read_text(file).map_err(|why| {
        Failure::bad_input(format!(
            "{name} cannot be read: {why}\n  help: `oomsim list` shows the scenarios of a folder"
        ))
    })?;
    if let Some(failure) = something_else(&name, &text) {
        return Err(failure.into());
    }
    let beside = Beside(file.parent().unwrap_or(Path::new("")).to_owned());
    let read = match node {
        None => load_kinds(&text, &name, &beside, overrides),
        Some(_) => load_kind(&text, &name, &beside, overrides, node).map(|scenario| vec![scenario]),
    };
    read.map_err(Unusable::of)
}

/// What a file is that is no scenario but known all the same, and which command takes it.
fn something_else(name: &str, text: &str) -> Option<Failure> {
    if Document::parse(text, name).is_ok() {
        return None;
    }
    let what = oomsim_import::describe(text)?;
    let command = match what.as_str() {
        "a kernel log" => format!("`oomsim dmesg {name}` explains it"),
        "a kubelet's settings" => format!("`oomsim node --config {name}` and `oomsim lint {name}` take it"),
        _ => format!("`oomsim import {name} … --out FOLDER` makes a scenario of it"),
    };
    Some(Failure::bad_input(format!("{name} is {what}, not a scenario\n  help: {command}")))
}

/// A scenario's text made of options of the command line, so that they are read and checked in one place.
#[derive(Debug, Default)]
pub struct Options {
    text: String,
    /// Which option a line of the text is, and what was given.
    lines: Vec<Option<(&'static str, String)>>,
}

impl Options {
    /// Its name as a source of problems.
    pub const NAME: &str = "command line";

    /// Adds a line that no option says.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(&format!("{line}\n"));
        self.lines.push(None);
    }

    /// Adds the line that an option comes to; `value` is what was given.
    pub fn option(&mut self, name: &'static str, value: &str, line: &str) {
        self.line(line);
        if let Some(last) = self.lines.last_mut() {
            *last = Some((name, value.to_owned()));
        }
    }

    /// The scenario; what is wrong with an option is shown at the option.
    ///
    /// # Errors
    /// With all its problems.
    pub fn scenario(&self, files: &dyn Files, overrides: &[String]) -> Result<LoadedScenario, Unusable> {
        let all = |problems: Vec<Diagnostic>| problems.into_iter().map(|problem| self.blamed(problem)).collect();
        let mut loaded =
            load(&self.text, Options::NAME, files, overrides).map_err(|problems| Unusable::of(all(problems)))?;
        loaded.warnings = all(loaded.warnings);
        for place in loaded.places.iter_mut() {
            if let Some(option) = self.option_at(place) {
                *place = option;
            }
        }
        Ok(loaded)
    }

    fn blamed(&self, problem: Diagnostic) -> Diagnostic {
        let option = problem.at.as_ref().and_then(|at| self.option_at(at));
        Diagnostic { at: option.or(problem.at), ..problem }
    }

    /// The part of an option that a place of the text comes from.
    fn option_at(&self, at: &Location) -> Option<Location> {
        let (name, value) = self.lines.get(at.line() - 1).filter(|_| at.source.name == Options::NAME)?.as_ref()?;
        let part = at.text().trim_matches('"');
        let span = value.find(part).map_or(0..value.len(), |start| start..start + part.len());
        let source = Arc::new(Source { name: (*name).to_owned(), text: value.clone() });
        Some(Location::new(&source, span))
    }
}

/// All problems of a file, for people.
pub fn rendered(problems: &[Diagnostic]) -> Failure {
    let message: Vec<_> = problems.iter().map(|d| d.render_coloured().trim_end().to_owned()).collect();
    Failure::bad_input(message.join("\n\n"))
}
