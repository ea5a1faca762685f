//! A sweep: one scenario over axes.

use super::axes::{Of, ReadAxis, axes, document, scalar_text};
use super::tables;
use crate::axis::Design;
use crate::measure::MEASURES;
use crate::plan::{Levels, Plan, Setup};
use crate::prepared::{ScenarioBundle, folder_of, join, settings};
use oomsim_scenario::reading::{Entry, Problems, TableReader, Value, integer, name, nearest, one_of, prose, text};
use oomsim_scenario::{Diagnostic, Files, Location, Severity, is_path};

/// A sweep that has been read.
#[derive(Clone, Debug)]
pub struct Study {
    /// Name of the study: its `name`, or the file name without `.toml`.
    pub name: String,
    /// Description for the user.
    pub description: String,
    /// The scenario.
    pub scenario: ScenarioBundle,
    /// The runs.
    pub plan: Plan,
    /// Measures of the summary, in the order of [`MEASURES`].
    pub measures: Vec<&'static str>,
    /// What the scenario says that is not modelled.
    pub warnings: Vec<Diagnostic>,
}

/// Name of a setting's text in diagnostics.
const SET: &str = "--set";

impl Study {
    /// Reads a sweep. `files` reads relative to where `file` is given from.
    ///
    /// # Errors
    /// All problems of the study, or those of the scenario.
    pub fn read(study: &str, file: &str, files: &dyn Files) -> Result<Self, Vec<Diagnostic>> {
        let problems = Problems::default();
        let read = document(study, file, &problems).and_then(|root| read(&problems, &root, file, files));
        let list = problems.into_sorted();
        match read {
            Some(study) if list.iter().all(|d| d.severity == Severity::Warning) => {
                Ok(Study { warnings: list, ..study })
            }
            _ => Err(list),
        }
    }
}

fn read(p: &Problems, root: &Value, file: &str, files: &dyn Files) -> Option<Study> {
    let mut t = TableReader::open(p, &tables::STUDY, root)?;
    let stem = file.rsplit('/').next().unwrap_or(file);
    let stem = stem.strip_suffix(".toml").unwrap_or(stem);
    let name = t.or("name", stem.into(), name).to_string();
    let description = t.or("description", String::new(), prose);
    let scenario_at = t.get("scenario");
    let scenario = t.required("scenario", text);
    let node = t.optional("node", text);
    let repetitions = t.or("repetitions", 1, integer(1, 100_000_000));
    let seed = t.or("seed", 1, integer(0, i64::MAX));
    let fixed = t.optional("set", fixed).unwrap_or_default();
    let sample_given = t.get("sample").is_some();
    let (design, points) = t.optional("sample", sample).unzip();
    let axes = axes(p, Of::Study, t.items("axis"));
    let measures = t.optional("measures", measures).unwrap_or_else(|| MEASURES.iter().map(|c| c.name).collect());
    t.finish();
    let sampled = axes.iter().find(|a| matches!(a.axis.levels, Levels::Sampled(_)));
    match (sampled, points) {
        (Some(axis), None) if !sample_given => {
            let problem = Diagnostic::error(
                &axis.at,
                format!("`{}` has no `steps`, and the study has no `sample`", axis.axis.name),
            );
            p.push(problem.help("add `steps = N`, or `sample = { points = N }` to the study"));
        }
        (None, Some(_)) => p.error(root_at(root), "`sample` needs an axis with `from` and `to` but without `steps`"),
        _ => {}
    }
    let named = Named { file: scenario?, at: &scenario_at?.at, node };
    let prepared = prepare(p, &named, file, files, &fixed, &axes)?;
    if p.errors() > 0 {
        return None;
    }
    let setup = Setup {
        scenario: prepared.hash(),
        fixed: fixed.into_iter().map(|f| f.setting).collect(),
        axes: axes.into_iter().map(|a| a.axis).collect(),
        design: design.unwrap_or_default(),
        points: points.unwrap_or(1),
        repetitions,
        seed,
    };
    let plan = Plan::new(setup).map_err(|error| p.error(root_at(root), error.to_string())).ok()?;
    Some(Study { name, description, scenario: prepared, plan, measures, warnings: Vec::new() })
}

fn root_at(root: &Value) -> &Location {
    root.entries().and_then(<[_]>::first).map_or(&root.at, |entry| &entry.key_at)
}

/// A setting that all runs share, with its places in the study.
pub(crate) struct Fixed {
    /// Key and value.
    setting: (String, String),
    key_at: Location,
    at: Location,
}

/// A problem of a study's own settings, at the place in the study where the setting is given.
fn in_study(fixed: &[Fixed], mut problem: Diagnostic) -> Diagnostic {
    let Some(at) = problem.at.as_ref().filter(|at| at.source.name == SET) else { return problem };
    if let Some(f) = fixed.iter().find(|f| at.source.text == format!("{}={}", f.setting.0, f.setting.1)) {
        let of_value = at.span.start > f.setting.0.len();
        problem.at = Some(if of_value { f.at.clone() } else { f.key_at.clone() });
    }
    problem
}

/// `set = { "key.path" = value }`.
fn fixed(p: &Problems, value: &Value) -> Option<Vec<Fixed>> {
    let Some(entries) = value.entries() else {
        p.expected(value, "a table of scenario keys such as `{ \"node.memory\" = \"8Gi\" }`");
        return None;
    };
    let fixed = |e: &Entry| {
        let setting = (e.key.clone(), scalar_text(p, &e.value)?);
        Some(Fixed { setting, key_at: e.key_at.clone(), at: e.value.at.clone() })
    };
    Some(entries.iter().filter_map(fixed).collect())
}

/// `sample = { method = "latinHypercube", points = 100 }`.
fn sample(p: &Problems, value: &Value) -> Option<(Design, u32)> {
    let mut t = TableReader::open(p, &tables::SAMPLE, value)?;
    let designs = [("latinHypercube", Design::LatinHypercube), ("random", Design::Random)];
    let design = t.or("method", Design::LatinHypercube, one_of("method", &designs));
    let points = t.required("points", integer(1, 1_000_000));
    t.finish();
    Some((design, points?))
}

fn measures(p: &Problems, value: &Value) -> Option<Vec<&'static str>> {
    let Some(items) = value.items().filter(|items| !items.is_empty()) else {
        p.expected(value, "an array of measures such as `[\"outcome\", \"overshoot_bytes\"]`");
        return None;
    };
    let words: Vec<(&'static str, &'static str)> = MEASURES.iter().map(|c| (c.name, c.name)).collect();
    let chosen: Vec<&str> = items.iter().filter_map(|item| one_of("measure", &words)(p, item)).collect();
    Some(MEASURES.iter().map(|c| c.name).filter(|name| chosen.contains(name)).collect())
}

/// A scenario as a study names it.
pub(crate) struct Named<'a> {
    /// Its file, relative to the study.
    pub file: String,
    /// Where it is named.
    pub at: &'a Location,
    /// Which kind of its nodes is meant.
    pub node: Option<String>,
}

/// Reads the scenario and tries every value of every axis in it, so that a wrong one is reported before the first run.
pub(crate) fn prepare(
    p: &Problems,
    scenario: &Named<'_>,
    study: &str,
    files: &dyn Files,
    fixed: &[Fixed],
    axes: &[ReadAxis],
) -> Option<ScenarioBundle> {
    let path = join(folder_of(study), &scenario.file);
    let text = match files.read(&path) {
        Ok(text) => text,
        Err(why) => {
            p.push(Diagnostic::error(scenario.at, format!("the scenario {path} cannot be read: {why}")));
            return None;
        }
    };
    let base = settings(&fixed.iter().map(|f| f.setting.clone()).collect::<Vec<_>>());
    let variants: Vec<Vec<String>> = axes.iter().flat_map(|a| variants(&base, a)).collect();
    let prepared = match ScenarioBundle::new(&path, &text, scenario.node.as_deref(), files, &base, &variants) {
        Ok(prepared) => prepared,
        Err(problems) => {
            problems.into_iter().for_each(|problem| p.push(in_study(fixed, problem)));
            return None;
        }
    };
    prepared.warnings().iter().for_each(|warning| p.push(in_study(fixed, warning.clone())));
    for axis in axes {
        if let Some(key) = axis.axis.keys.iter().find(|key| !is_path(key)) {
            p.error(&axis.at, format!("{key:?} is not a path of scenario keys, such as `node.memory`"));
            continue;
        }
        let wrong =
            variants_of(&base, axis).find_map(|(value, variant)| Some((value, prepared.scenario(&variant).err()?)));
        if let Some((value, problems)) = wrong {
            let message = format!("the scenario rejects {value:?} for `{}`", axis.axis.name);
            let mut problem = Diagnostic::error(&axis.at, message);
            for inner in problems.iter().filter(|d| d.severity == Severity::Error).take(5) {
                // The text of the setting is in the message; a file's line is worth saying.
                let own = inner.at.as_ref().is_none_or(|at| at.source.name == SET);
                let said = || inner.sentences().collect::<Vec<_>>().join("; ");
                problem = problem.help(if own { said() } else { inner.to_string() });
            }
            p.push(problem);
        }
    }
    Some(prepared)
}

/// Values of an axis that stand for all: every one of a list, the ends of a range.
fn variants_of<'a>(base: &'a [String], axis: &'a ReadAxis) -> impl Iterator<Item = (String, Vec<String>)> + 'a {
    let values = match &axis.axis.levels {
        Levels::Grid(values) => values.clone(),
        Levels::Sampled(range) => range.steps(2),
    };
    values.into_iter().map(move |value| {
        let set = axis.axis.settings(&value).map(|(key, value)| format!("{key}={value}"));
        (value.text.clone(), base.iter().cloned().chain(set).collect())
    })
}

fn variants(base: &[String], axis: &ReadAxis) -> Vec<Vec<String>> {
    variants_of(base, axis).map(|(_, variant)| variant).collect()
}

/// The name that was probably meant.
pub(crate) fn meant<'a>(given: &str, legal: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, legal).map_or(String::new(), |name| format!("did you mean `{name}`?"))
}
