//! What is open in the lab.

use crate::course::{Course, SeekError};
use crate::cure::Cure;
use crate::digests::DigestError;
use crate::files::Stored;
use crate::problem::Problem;
use crate::race::{Pieces, Race};
use oomsim_core::engine::EngineError;
use oomsim_core::node::NodeView;
use oomsim_core::plan::Scenario;
use oomsim_core::record::Keep;
use oomsim_core::record::expect::evaluate;
use oomsim_core::units::SimTime;
use oomsim_explain::prevent::{PreventionSettings, Source, prevent};
use oomsim_explain::text;
use oomsim_lesson::{Asked, Lesson, Page, PagePart, Question, questions};
use oomsim_report::RunReport;
use oomsim_report::html::{Instant, Room, Run, Why};
use oomsim_report::kernel_log::log_of;
use oomsim_scenario::{Diagnostic, SCENARIO, json_schema, load_kinds, to_toml};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a course differs from what the scenario's text says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Variation {
    /// Settings, such as `kubelet.evictionHard.memory.available=1Gi`.
    pub settings: Vec<String>,
    /// Tables that are added to the scenario's text, such as an `[[at]]`.
    pub tables: Vec<String>,
    /// The seed, if not the scenario's.
    pub seed: Option<u32>,
    /// The kind of node, if the scenario has several and not the first is meant.
    pub node: Option<String>,
}

impl Variation {
    /// The scenario's text with the tables that are added.
    fn whole(&self, text: &str) -> String {
        std::iter::once(text).chain(self.tables.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
    }
}

/// A course that was opened.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Opened {
    /// Its number, for [`Lab::seek`].
    pub number: u32,
    /// The whole run, as the HTML report has it.
    #[cfg_attr(test, ts(type = "Run"))]
    pub run: Run,
    /// Kinds of node of the scenario.
    pub nodes: Vec<String>,
    /// What the model does not cover, with places.
    pub warnings: Vec<Problem>,
    /// The scenario with everything that was changed, as a file of its own.
    pub text: String,
}

/// Files and courses.
#[derive(Debug, Default)]
pub struct Lab {
    files: Stored,
    /// The newest courses by their numbers, which are not used again.
    courses: BTreeMap<u32, Course>,
    next: u32,
}

/// How thoroughly cures are searched for: a learner waits.
const SEARCH: PreventionSettings = PreventionSettings { runs: 600, seeds: 10 };
/// Explanations of a course.
const MOST_WHYS: usize = 40;
/// Courses that are kept; the oldest makes room.
const MOST_COURSES: usize = 8;

impl Lab {
    /// Hands over a file that scenarios may name.
    pub fn add_file(&mut self, path: &str, text: &str) {
        self.files.add(path.to_owned(), text.to_owned());
    }

    /// Digests of a scenario that was handed over, in the form of `scenarios/digests.txt`.
    ///
    /// # Errors
    /// When there is no such file, when it is wrong, or when a run does not end.
    pub fn digests(&self, path: &str, seeds: u64) -> Result<String, DigestError> {
        crate::digests::lines(&self.files, path, seeds)
    }

    /// Problems of a text, without running it.
    pub fn check(&self, path: &str, text: &str) -> Vec<Problem> {
        match load_kinds(text, path, &self.files.beside(folder(path)), &[]) {
            Err(problems) => problems.iter().map(Problem::of).collect(),
            Ok(kinds) => kinds.first().map(|kind| kind.warnings.iter().map(Problem::of).collect()).unwrap_or_default(),
        }
    }

    /// The JSON Schema of scenarios, from which an editor completes keys and words.
    pub fn schema(&self) -> serde_json::Value {
        json_schema(&SCENARIO, "an oomsim scenario")
    }

    /// Reads a scenario and runs it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn open(&mut self, path: &str, text: &str, variation: Variation) -> Result<Opened, Vec<Problem>> {
        let (scenario, nodes, warnings) = self.read(path, text, &variation)?;
        let seed = variation.seed.map_or(scenario.seed, u64::from);
        let course = Course::run(scenario, seed).map_err(|why| vec![Problem::plain(why.to_string())])?;
        let whys = whys(&course.scenario, seed).map_err(|why| vec![Problem::plain(why.to_string())])?;
        let report = RunReport {
            file: path.to_owned(),
            description: course.scenario.description.clone(),
            results: evaluate(&course.scenario.expectations, &course.history),
            not_judged: None,
            reproduce: reproduce(path, seed, &variation),
            kernel_log: log_of(&course.scenario),
            scenario: Arc::clone(&course.scenario),
            kept: Keep::Series,
            standing: None,
            history: course.history.clone(),
        };
        let opened = Opened {
            number: self.keep(course),
            run: Run::new(&report, Vec::new(), whys, text),
            nodes,
            warnings: warnings.iter().map(Problem::of).collect(),
            text: String::new(),
        };
        Ok(Opened { text: self.text(opened.number).unwrap_or_default(), ..opened })
    }

    /// Puts a course where its number will find it.
    fn keep(&mut self, course: Course) -> u32 {
        if self.courses.len() == MOST_COURSES {
            self.courses.pop_first();
        }
        let number = self.next;
        self.next += 1;
        self.courses.insert(number, course);
        number
    }

    /// Gives a course up; its number is not used again.
    pub fn close(&mut self, number: u32) {
        self.courses.remove(&number);
    }

    fn read(&self, path: &str, text: &str, variation: &Variation) -> Result<Read, Vec<Problem>> {
        let all = |problems: Vec<Diagnostic>| problems.iter().map(Problem::of).collect::<Vec<_>>();
        let text = variation.whole(text);
        let kinds = load_kinds(&text, path, &self.files.beside(folder(path)), &variation.settings).map_err(all)?;
        let nodes: Vec<String> = kinds.iter().map(|kind| kind.scenario.node.name.to_string()).collect();
        let wanted = variation.node.as_deref().and_then(|name| nodes.iter().position(|node| node == name)).unwrap_or(0);
        let Some(kind) = kinds.into_iter().nth(wanted) else {
            return Err(vec![Problem::plain("the scenario has no node".into())]);
        };
        Ok((kind.scenario, nodes, kind.warnings))
    }

    fn course(&mut self, number: u32) -> Result<&mut Course, SeekError> {
        self.courses.get_mut(&number).ok_or(SeekError::NoCourse)
    }

    /// The node of a course at an instant, in seconds: everything before has happened, nothing at the instant itself.
    ///
    /// # Errors
    /// When there is no such course, or the run breaks off before.
    pub fn seek(&mut self, number: u32, at: f64) -> Result<Option<Instant>, SeekError> {
        Ok(shown(&self.course(number)?.seek(time(at))?))
    }

    /// The node after the next event of the engine; nothing when the run is over.
    ///
    /// # Errors
    /// When there is no such course.
    pub fn step(&mut self, number: u32) -> Result<Option<Instant>, SeekError> {
        Ok(self.course(number)?.step().as_ref().and_then(shown))
    }

    /// A course as a scenario file.
    pub fn text(&self, number: u32) -> Option<String> {
        self.courses.get(&number).map(|course| to_toml(&course.scenario))
    }

    /// Questions that a learner can be asked at an instant, each with its answer from the run itself.
    ///
    /// # Errors
    /// When there is no such course, or the run breaks off before.
    pub fn questions(&mut self, number: u32, at: f64) -> Result<Vec<Question>, SeekError> {
        let course = self.course(number)?;
        let node = course.seek(time(at))?;
        Ok(questions(&Asked { history: &course.history, node: &node, at: time(at) }))
    }

    /// The smallest changes of a scenario after which something would not have happened, found by running it:
    /// `happening` is its place among the explanations of the course.
    ///
    /// # Errors
    /// Everything that is wrong with the scenario.
    pub fn cures(
        &self,
        path: &str,
        text: &str,
        variation: &Variation,
        happening: u32,
    ) -> Result<Vec<Cure>, Vec<Problem>> {
        let (scenario, _, _) = self.read(path, text, variation)?;
        let seed = variation.seed.map_or(scenario.seed, u64::from);
        let run = oomsim_explain::Run::new(scenario, seed).map_err(|why| vec![Problem::plain(why.to_string())])?;
        let number = usize::try_from(happening).unwrap_or(usize::MAX);
        let Some(happening) = run.happenings().get(number) else { return Ok(Vec::new()) };
        let text = variation.whole(text);
        let source = Source {
            file: path,
            text: &text,
            node: variation.node.as_deref(),
            files: &self.files.beside(folder(path)),
            overrides: &variation.settings,
        };
        let explanation = oomsim_explain::explain(&run, number + 1, happening);
        let found = prevent(&source, &run, happening, &explanation, SEARCH);
        Ok(found.iter().flat_map(|found| &found.cures).map(Cure::of).collect())
    }

    /// Explains the OOM reports of a kernel log, in whatever form it was pasted.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn log(&self, text: &str) -> Result<String, oomsim_dmesg::ReadError> {
        oomsim_dmesg::explain_text(text, oomsim_dmesg::Known::default())
    }

    /// Reads a lesson and decides its questions. What it says about runs is not judged: `oomsim check` does that.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn lesson(&self, path: &str, text: &str) -> Result<Page, Vec<Problem>> {
        let all = |problems: Vec<Diagnostic>| problems.iter().map(Problem::of).collect::<Vec<_>>();
        let beside = self.files.beside(folder(path));
        let mut page = Lesson::read(text, path).and_then(|lesson| lesson.play(&beside)).map_err(all)?.page;
        for part in &mut page.parts {
            if let PagePart::Moment { scenario, .. } = part {
                *scenario = beside.whole(scenario);
            }
        }
        Ok(page)
    }

    /// What comes first over the phases of the kubelet's check, whatever phase the scenario fixes.
    ///
    /// # Errors
    /// Everything that is wrong with the scenario.
    pub fn race(&self, path: &str, text: &str, variation: &Variation, pieces: Pieces) -> Result<Race, Vec<Problem>> {
        let (scenario, _, _) = self.read(path, text, variation)?;
        let seed = variation.seed.map_or(scenario.seed, u64::from);
        Race::run(&scenario, seed, pieces).map_err(|why| vec![Problem::plain(why.to_string())])
    }
}

/// An instant in the engine's terms; what is before the start is the start.
fn time(seconds: f64) -> SimTime {
    // Whole nanoseconds up to 104 days are exact in a double.
    SimTime::from_nanos((seconds * 1e9).round().max(0.0) as u64)
}

type Read = (Arc<Scenario>, Vec<String>, Vec<Diagnostic>);

/// Why each thing happened, as `oomsim why` tells it.
fn whys(scenario: &Arc<Scenario>, seed: u64) -> Result<Vec<Why>, EngineError> {
    let run = oomsim_explain::Run::new(Arc::clone(scenario), seed)?;
    let happenings = run.happenings().iter().enumerate().take(MOST_WHYS);
    let explained = happenings.map(|(n, happening)| {
        let why = oomsim_explain::explain(&run, n + 1, happening);
        Why::new(happening.at, &text::explanation(&why))
    });
    Ok(explained.collect())
}

/// The node in the page's terms.
fn shown(node: &NodeView) -> Option<Instant> {
    Instant::of(node, &mut Room::UNLIMITED.clone())
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn reproduce(path: &str, seed: u64, variation: &Variation) -> String {
    if !variation.tables.is_empty() {
        // No option of `run` adds a table: the saved file has everything in it.
        return format!("oomsim run SAVED.toml --seed {seed}");
    }
    let settings: String = variation.settings.iter().map(|setting| format!(" --set '{setting}'")).collect();
    format!("oomsim run {path} --seed {seed}{settings}")
}
