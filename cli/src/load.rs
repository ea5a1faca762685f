//! Reading scenario files.

use crate::exit::{Exit, Failure};
use oomsim_import::KnownKind;
use oomsim_scenario::{
    Diagnostic, Document, FileError, Files, LoadedScenario, Location, Source, load, load_kind, load_kinds,
};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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

/// Whether scenarios may name files that lie outside of their folders: `--allow-outside`.
static ALLOW_OUTSIDE: AtomicBool = AtomicBool::new(false);

/// From now on scenarios may name files that lie outside of their folders.
pub fn allow_outside() {
    ALLOW_OUTSIDE.store(true, Ordering::Relaxed);
}

/// Whether a path that was found, not named, may be read: it is no link, or one that stays below the folder.
pub fn stays_below(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let below = || Some(real(path)?.starts_with(real(folder)?));
    ALLOW_OUTSIDE.load(Ordering::Relaxed) || !path.is_symlink() || below() == Some(true)
}

/// Reads the files that a file names. What a file of a stranger names lies below its folder, so that no message and no
/// result shows anything else, unless the user allows it.
pub struct Beside {
    /// What paths are relative to.
    folder: PathBuf,
    /// Where all files lie.
    within: Option<PathBuf>,
    /// What was asked for.
    asked: Mutex<Vec<PathBuf>>,
}

impl Beside {
    /// The files that a scenario names, relative to it.
    pub fn scenario(file: &Path) -> Beside {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        Beside { within: Some(folder.clone()), folder, asked: Mutex::default() }
    }

    /// The files that a study and its scenarios name, with the study's folder in front.
    pub fn study(file: &Path) -> Beside {
        Beside { folder: PathBuf::new(), ..Beside::scenario(file) }
    }

    /// The files that options name.
    pub fn options() -> Beside {
        Beside { folder: PathBuf::new(), within: None, asked: Mutex::default() }
    }

    fn find(&self, path: &str) -> Result<PathBuf, FileError> {
        let path = self.folder.join(path);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
        let Some(within) = self.within.as_ref().filter(|_| !ALLOW_OUTSIDE.load(Ordering::Relaxed)) else {
            return Ok(path);
        };
        let within = if within.as_os_str().is_empty() { Path::new(".") } else { within };
        // What is outside by its name is not even looked for; a link inside may lead out.
        let found = match (is_below(&path, within), path.canonicalize(), within.canonicalize()) {
            (true, Ok(real), Ok(within)) => real.starts_with(within),
            (true, Err(why), _) => return Err(plain(&why).into()),
            _ => false,
        };
        if found { Ok(path) } else { Err(format!("{OUTSIDE}; add --allow-outside if you trust the file").into()) }
    }
}

/// Why a file is not read.
const OUTSIDE: &str = "it is outside the folder of the file that names it";

/// Whether a path leads below a folder, as far as its name tells.
fn is_below(path: &Path, folder: &Path) -> bool {
    let plain = |path: &Path| {
        let mut parts: Vec<Component<'_>> = Vec::new();
        for part in path.components().filter(|part| *part != Component::CurDir) {
            match (part, parts.last()) {
                (Component::ParentDir, Some(Component::Normal(_))) => _ = parts.pop(),
                _ => parts.push(part),
            }
        }
        parts.into_iter().collect::<PathBuf>()
    };
    let (path, folder) = (plain(path), plain(folder));
    path.starts_with(&folder) && !path.strip_prefix(folder).is_ok_and(|rest| rest.has_root() || rest.starts_with(".."))
}

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let path = self.find(path)?;
        // A pipe would be waited for without end.
        let about = path.metadata().map_err(|why| plain(&why))?;
        if !about.is_file() && !about.is_dir() {
            return Err("it is no ordinary file".into());
        }
        read_text(&path)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
        let entries = std::fs::read_dir(self.find(directory)?).map_err(|why| plain(&why))?;
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
pub fn read_text(path: &Path) -> Result<String, FileError> {
    let file = std::fs::File::open(path).map_err(|why| plain(&why))?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err("it is a folder".into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|why| plain(&why))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {} MiB", MAX_FILE >> 20).into());
    }
    Ok(crate::decode::text(bytes, MAX_FILE)?)
}

/// Longest file of a cluster: a day of 1,000 containers as JSON.
const MAX_EVIDENCE: u64 = 256 << 20;

/// A file from a cluster or a node.
///
/// # Errors
/// When it cannot be read.
pub fn evidence(path: &Path) -> Result<Arc<Source>, Failure> {
    let cannot = |why: String| Failure::bad_input(format!("{} cannot be read: {why}", path.display()));
    let about = path.metadata().map_err(|why| cannot(plain(&why)))?;
    if about.is_dir() {
        return Err(cannot("it is a folder: name its files".into()));
    }
    // A pipe that nothing writes to would be waited for without end; those of a shell (`<(…)`) have a writer.
    if !about.is_file() && !path.starts_with("/dev/") && !path.starts_with("/proc/") {
        return Err(cannot("it is no ordinary file".into()));
    }
    let file = std::fs::File::open(path).map_err(|why| cannot(plain(&why)))?;
    let mut bytes = Vec::new();
    file.take(MAX_EVIDENCE + 1).read_to_end(&mut bytes).map_err(|why| cannot(plain(&why)))?;
    if bytes.len() as u64 > MAX_EVIDENCE {
        return Err(cannot(format!(
            "it is larger than {} MiB: ask for fewer pods or a larger step",
            MAX_EVIDENCE >> 20
        )));
    }
    let text = crate::decode::text(bytes, MAX_EVIDENCE).map_err(cannot)?;
    Ok(Arc::new(Source::new(path.display().to_string(), text)))
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
    if let Some(failure) = something_else(&name, &text, "a scenario") {
        return Err(failure.into());
    }
    let beside = Beside::scenario(file);
    let read = match node {
        None => load_kinds(&text, &name, &beside, overrides),
        Some(_) => load_kind(&text, &name, &beside, overrides, node).map(|scenario| vec![scenario]),
    };
    read.map_err(Unusable::of)
}

/// The files and folders that a scenario names, as far as it can be read.
pub fn files_of(file: &Path, overrides: &[String]) -> Vec<PathBuf> {
    let beside = Beside::scenario(file);
    if let Ok(text) = read_text(file) {
        // What is wrong with it is said when it is run.
        let _ = load_kinds(&text, &file.display().to_string(), &beside, overrides);
    }
    beside.asked.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What a file is that is no TOML but known all the same, and which command takes it. `wanted`: what was expected.
fn something_else(name: &str, text: &str, wanted: &str) -> Option<Failure> {
    // The environment of a service is TOML as well.
    if Document::parse(text, name).is_ok() && !text.lines().any(|line| line.starts_with("KUBELET_")) {
        return None;
    }
    let known = oomsim_import::describe(text)?;
    let command = match (&known.kind, known.instead) {
        (_, Some(instead)) => instead.to_owned(),
        (KnownKind::KernelLog, _) => format!("`oomsim dmesg {name}` explains it"),
        (KnownKind::KubeletSettings, _) => format!("`oomsim node --config {name}` and `oomsim lint {name}` take it"),
        _ => format!("`oomsim import {name} … --out FOLDER` makes a scenario of it"),
    };
    Some(Failure::bad_input(format!("{name} is {}, not {wanted}\n  help: {command}", known.kind)))
}

/// A failure for what was recorded on a node or by its monitoring, which is no Kubernetes object to be checked.
pub fn recorded(name: &str, text: &str) -> Option<Failure> {
    match oomsim_import::describe(text)?.kind {
        KnownKind::KubernetesObject(_) | KnownKind::KubeletSettings => None,
        KnownKind::KernelLog | KnownKind::Other(_) => something_else(name, text, "kubelet settings or pods"),
    }
}

/// The text of a TOML file that was named; `wanted`: what it should be, such as `a goal`.
///
/// # Errors
/// For people, why it cannot be read, or what it is instead.
pub fn named_toml(file: &Path, wanted: &str) -> Result<String, Failure> {
    let text = named_text(file)?;
    something_else(&file.display().to_string(), &text, wanted).map_or(Ok(text), Err)
}

/// `--kubernetes VERSION` as a change of a scenario.
pub fn release(version: &str) -> String {
    format!("kubelet.version={}", serde_json::Value::from(version))
}

/// Reads and validates a scenario file as [`scenarios`] does, with another release of Kubernetes where it has a
/// kubelet: the change comes before the other overrides.
///
/// # Errors
/// When it cannot be read, or with all its problems.
pub fn scenarios_with_release(
    file: &Path,
    overrides: &mut Vec<String>,
    node: Option<&str>,
    kubernetes: Option<&str>,
) -> Result<Vec<LoadedScenario>, Unusable> {
    let read = scenarios(file, overrides, node)?;
    match kubernetes {
        Some(version) if read.iter().any(|kind| kind.scenario.kubelet.is_some()) => {
            overrides.insert(0, release(version));
            scenarios(file, overrides, node)
        }
        _ => Ok(read),
    }
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
        let source = Arc::new(Source::new((*name).to_owned(), value.clone()));
        Some(Location::new(&source, span))
    }
}

/// All problems of a file, for people.
pub fn rendered(problems: &[Diagnostic]) -> Failure {
    let message: Vec<_> = problems.iter().map(|d| d.render_coloured().trim_end().to_owned()).collect();
    Failure { exit: Exit::BadInput, message: message.join("\n\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_where_files_lie() {
        for (path, folder, below) in [
            ("a/b.yaml", "a", true),
            ("a/./c/../b.yaml", "a", true),
            ("b.yaml", ".", true),
            ("./x/b.yaml", "", true),
            ("a/../b.yaml", "a", false),
            ("../b.yaml", ".", false),
            ("a/../../b.yaml", "", false),
            ("/etc/shadow", ".", false),
            ("/etc/shadow", "/etc", true),
            ("ab/c", "a", false),
            ("../a/c", "../a", true),
        ] {
            assert_eq!(is_below(Path::new(path), Path::new(folder)), below, "{path} in {folder}");
        }
    }
}
