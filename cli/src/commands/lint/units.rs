//! What there is to lint: scenarios, the scenarios of studies, and the nodes that other files make.

use super::args::Args;
use crate::exit::Failure;
use crate::find;
use crate::load::{self, Beside, Options, Unusable};
use oomsim_core::units::Bytes;
use oomsim_import::Measured;
use oomsim_lint::Evidence;
use oomsim_planning::prepared::{ScenarioBundle, settings};
use oomsim_planning::study::{self, Goal};
use oomsim_report::findings::{LintReport, Shown, Study};
use oomsim_scenario::{Diagnostic, FileKind, LoadedScenario, Severity, TomlKind, assignment, file_kind};
use std::path::{Path, PathBuf};

/// A node with its pods.
pub struct Unit {
    /// The node, or one for each kind of nodes.
    pub kinds: Vec<LoadedScenario>,
    /// What is known about it.
    pub known: Evidence,
    /// Name of the scenario file; that of a node made of other files is no file.
    pub name: String,
    /// Other files are named relative to this folder.
    pub folder: PathBuf,
    /// The file that findings without a place are about.
    pub about: String,
    /// No scenario file: made of other files.
    pub made: bool,
}

/// Every node that the arguments name.
pub fn units(args: &Args, report: &mut LintReport) -> Vec<Result<Unit, Unusable>> {
    let overrides = overrides(args);
    let mut list = List { args, overrides: &overrides, units: Vec::new(), seen: Vec::new() };
    let (mut configs, mut manifests) = (Vec::new(), Vec::new());
    let (mut studies, mut others) = (Vec::new(), Vec::new());
    for path in &args.files {
        if path.is_dir() {
            match find::all(std::slice::from_ref(path)) {
                Ok(found) => {
                    found.scenarios.iter().for_each(|file| list.scenario(file));
                    studies.extend(found.studies);
                }
                Err(failure) => list.units.push(Err(failure.into())),
            }
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            match find::kind(path) {
                TomlKind::Scenario => list.scenario(path),
                TomlKind::Sweep | TomlKind::Goal => studies.push(path.clone()),
                TomlKind::KubeletSettings => {
                    configs.push(path);
                    report.files += 1;
                }
            }
        } else {
            match kind(path) {
                Ok(FileKind::KubeletConfiguration) => configs.push(path),
                Ok(FileKind::Manifest) => manifests.push(path),
                Ok(FileKind::NoPods) => others.push(path),
                Err(unusable) => list.units.push(Err(unusable)),
            }
            report.files += 1;
        }
    }
    report.studies = studies.iter().filter_map(|file| list.study(file)).collect();
    report.files += list.seen.len() + studies.len();
    let mut units = list.units;
    let nothing = units.is_empty() && configs.is_empty() && manifests.is_empty() && studies.is_empty();
    not_looked_at(&others, nothing && args.flags.is_none() && args.config_dir.is_none(), report);
    if nothing && !others.is_empty() {
        return units;
    }
    let more = args.flags.is_some() || args.config_dir.is_some();
    if !configs.is_empty() || manifests.is_empty() && !more {
        units.extend(configs.iter().map(|config| node(args, Some(config), &manifests, &overrides)));
    } else {
        units.push(node(args, None, &manifests, &overrides));
    }
    units
}

/// Scenarios, each once.
struct List<'a> {
    args: &'a Args,
    /// What the options change.
    overrides: &'a [String],
    units: Vec<Result<Unit, Unusable>>,
    /// Files with what studies change in them.
    seen: Vec<(PathBuf, Vec<String>)>,
}

impl List<'_> {
    /// True the first time that this file is to be looked at with these changes.
    fn is_new(&mut self, file: &Path, changes: &[String]) -> bool {
        let key = (file.canonicalize().unwrap_or_else(|_| file.to_owned()), changes.to_vec());
        let new = !self.seen.contains(&key);
        if new {
            self.seen.push(key);
        }
        new
    }

    fn add(&mut self, file: &Path, read: Result<Vec<LoadedScenario>, Unusable>) {
        let Peaks { kube_daemons, system_daemons } = peaks(self.args);
        let unit = |kinds| Unit {
            kinds,
            known: Evidence { kube_daemons, system_daemons, ..Evidence::SCENARIO },
            name: file.display().to_string(),
            folder: file.parent().unwrap_or(Path::new("")).to_owned(),
            about: file.display().to_string(),
            made: false,
        };
        self.units.push(read.map(unit));
    }

    fn scenario(&mut self, file: &Path) {
        if self.is_new(file, &[]) {
            let mut overrides = self.overrides.to_vec();
            let read = load::scenarios_with_release(file, &mut overrides, None, self.args.kubernetes.as_deref());
            self.add(file, read);
        }
    }

    /// The scenarios that a study names, as it changes them; `None` if it is wrong.
    fn study(&mut self, file: &Path) -> Option<Study> {
        let read = load::named_text(file).map_err(Unusable::from);
        let scenarios = match read.and_then(|text| named_scenarios(&text, &file.display().to_string())) {
            Ok(scenarios) => scenarios,
            Err(unusable) => {
                self.units.push(Err(unusable));
                return None;
            }
        };
        let names = scenarios.iter().map(|(scenario, _)| scenario.file().to_owned()).collect();
        for (prepared, changes) in scenarios {
            let scenario = Path::new(prepared.file());
            if self.is_new(scenario, &changes) {
                let release: Vec<_> = self.args.kubernetes.as_deref().map(load::release).into_iter().collect();
                let read = prepared.scenario(&[&release, &changes[..], self.overrides].concat());
                self.add(scenario, read.map(|read| vec![read]).map_err(Unusable::of));
            }
        }
        Some(Study { file: file.display().to_string(), scenarios: names })
    }
}

/// The scenarios of a study with what it sets in them.
fn named_scenarios(text: &str, name: &str) -> Result<Vec<(ScenarioBundle, Vec<String>)>, Unusable> {
    let files = Beside::study(Path::new(name));
    if TomlKind::of_text(text) == TomlKind::Goal {
        let goal = Goal::read(text, name, &files).map_err(Unusable::of)?;
        return Ok(goal.scenarios.into_iter().map(|(_, prepared)| (prepared, Vec::new())).collect());
    }
    let study = study::Study::read(text, name, &files).map_err(Unusable::of)?;
    let changes = settings(study.plan.fixed());
    Ok(vec![(study.scenario, changes)])
}

/// Says of files without anything to check what they are; with nothing else to look at that is a failure.
fn not_looked_at(files: &[&PathBuf], nothing: bool, report: &mut LintReport) {
    for path in files {
        let text = load::named_text(path).unwrap_or_default();
        let what =
            oomsim_import::describe(&text).map_or_else(|| "a Kubernetes object".into(), |known| known.kind.to_string());
        let message = format!("{}: not looked at: it has neither pods nor kubelet settings ({what})", path.display());
        if nothing {
            report.fail(
                format!("error: {message}\n  help: `oomsim import` makes a scenario of a cluster's files"),
                Vec::new(),
            );
        } else {
            report.warn(Shown::new(Diagnostic::without_place(Severity::Warning, message), None));
        }
    }
}

fn kind(path: &Path) -> Result<FileKind, Unusable> {
    let name = path.display().to_string();
    let text = load::named_text(path)?;
    if let Some(failure) = load::recorded(&name, &text) {
        return Err(failure.into());
    }
    file_kind(&name, &text).map_err(|problem| Unusable::of(vec![*problem]))
}

/// What the options say, as changes of a scenario.
fn overrides(args: &Args) -> Vec<String> {
    let named = [("node.memory", &args.capacity), ("node.nominal", &args.sku_memory), ("node.swap", &args.swap)];
    let named = named.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
    named.chain(args.overrides.iter().cloned()).collect()
}

/// The most that daemons were measured to hold.
struct Peaks {
    kube_daemons: Option<Bytes>,
    system_daemons: Option<Bytes>,
}

fn peaks(args: &Args) -> Peaks {
    let peak = |measured: &Option<Measured>| measured.map(|measured| measured.peak);
    Peaks { kube_daemons: peak(&args.kube_daemons), system_daemons: peak(&args.system_daemons) }
}

/// Stands for the node's memory while it is not known: the most that a scenario may have, so that nothing is refused
/// for want of memory.
const UNKNOWN_MEMORY: &str = "64Ti";

/// A node made of a kubelet configuration and manifests.
fn node(args: &Args, config: Option<&PathBuf>, manifests: &[&PathBuf], overrides: &[String]) -> Result<Unit, Unusable> {
    let sets = |key: &str| {
        let below = |text: &String| text.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '=', ' ']));
        overrides.iter().any(below)
    };
    let memory = sets("node.memory");
    if !memory && sets("kubelet.preset") {
        let why = "kubelet.preset reserves by the size of the node\n  help: give it with --capacity";
        return Err(Failure::bad_input(why).into());
    }
    let path = |path: &Path| path.display().to_string();
    let mut options = Options::default();
    options.line(&assignment(&["node", "memory"], UNKNOWN_MEMORY));
    let more = args.flags.is_some() || args.config_dir.is_some();
    if let Some(config) = config {
        options.line(&assignment(&["kubelet", "config"], &*path(config)));
    }
    if let Some(folder) = &args.config_dir {
        let folder = path(folder);
        options.option("--config-dir", &folder, &assignment(&["kubelet", "configDir"], &*folder));
    }
    if let Some(flags) = &args.flags {
        options.option("--flags", flags, &assignment(&["kubelet", "flags"], &**flags));
    }
    if let Some(version) = &args.kubernetes {
        options.option("--kubernetes", version, &assignment(&["kubelet", "version"], &**version));
    }
    for manifest in manifests {
        options.line("[[pod]]");
        options.line(&assignment(&["manifest"], &*path(manifest)));
    }
    let known = Evidence {
        memory,
        system: sets("node.system"),
        kubelet: config.is_some() || more || sets("kubelet"),
        kube_daemons: peaks(args).kube_daemons,
        system_daemons: peaks(args).system_daemons,
    };
    let (name, folder) = (Options::NAME.to_owned(), PathBuf::new());
    let kinds = vec![options.scenario(&Beside::options(), overrides)?];
    let about = config.or(manifests.first().copied()).map_or_else(String::new, |file| file.display().to_string());
    Ok(Unit { kinds, known, name, folder, about, made: true })
}
