//! A lesson against its runs: instants, answers, and what its text claims.

use crate::page::{Page, PagePart, safe_html};
use crate::question::{Asked, Question, question};
use crate::read::{Ask, Lesson, Moment, Part, Posed, When, Written};
use oomsim_core::Simulation;
use oomsim_core::plan::Scenario;
use oomsim_core::record::expect::{Check, Expectation, ExpectationResult, RequiredShare, evaluate};
use oomsim_core::record::{History, Keep};
use oomsim_core::units::SimTime;
use oomsim_scenario::{Diagnostic, FileError, Files, Location, load_kinds};
use std::sync::Arc;

/// Something that a lesson says, and what the run says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// True when it holds.
    pub holds: bool,
    /// What the lesson says.
    pub what: String,
    /// What came.
    pub found: String,
    /// Line of its block in the lesson, from 1.
    pub line: usize,
}

/// A lesson that was held against its runs.
#[derive(Clone, Debug)]
pub struct Played {
    /// For a page.
    pub page: Page,
    /// For a check: every moment comes, every answer is the right one, all that is expected happens.
    pub claims: Vec<Claim>,
}

/// The moment that questions are about.
struct Stage<'a> {
    moment: &'a Moment,
    run: Ran,
    at: SimTime,
}

/// A run.
struct Ran {
    scenario: Arc<Scenario>,
    seed: u64,
    history: History,
}

impl Lesson {
    /// Runs everything that the lesson names. `files` are relative to the lesson.
    ///
    /// # Errors
    /// What is wrong with a scenario or with settings, or why a run does not end.
    pub fn play(&self, files: &dyn Files) -> Result<Played, Vec<Diagnostic>> {
        let mut stage = None;
        let mut claims = Vec::new();
        let mut parts = Vec::new();
        for part in &self.parts {
            match part {
                Part::Prose(markdown) => parts.push(PagePart::Prose { html: safe_html(markdown) }),
                Part::Moment(moment) => {
                    let now = self.stage(files, moment, &mut claims)?;
                    parts.push(PagePart::Moment {
                        scenario: moment.scenario.clone(),
                        settings: moment.settings.clone(),
                        seed: moment.seed,
                        at: now.at.as_secs_f64(),
                    });
                    stage = Some(now);
                }
                Part::Question(posed) => {
                    let Some(stage) = &stage else { continue };
                    let question = self.decide(files, stage, posed, &mut claims)?;
                    parts.extend(question.map(|question| PagePart::Question { question }));
                }
            }
        }
        Ok(Played { page: Page { title: self.title.clone(), parts }, claims })
    }

    fn stage<'a>(
        &self,
        files: &dyn Files,
        moment: &'a Moment,
        claims: &mut Vec<Claim>,
    ) -> Result<Stage<'a>, Vec<Diagnostic>> {
        let run = ran(files, moment, &[])?;
        for (check, line) in &moment.expect {
            let judged = judge(check, *line, &run.history);
            claims.push(Claim { holds: judged.holds, what: judged.expected, found: judged.found, line: *line });
        }
        let at = match &moment.when {
            When::Time(at) => (*at <= SimTime::ZERO + run.scenario.duration).then_some(*at),
            When::Event(event) => {
                run.history.entries.iter().find(|entry| event.fits(&entry.record)).map(|entry| entry.at)
            }
        };
        if at.is_none() {
            let what = match &moment.when {
                When::Time(at) => format!("an instant at {:.3} s", at.as_secs_f64()),
                When::Event(event) => format!("an event {}", event.describe()),
            };
            let found = format!("the run has none, up to its end at {:.3} s", run.scenario.duration.as_secs_f64());
            claims.push(Claim { holds: false, what, found, line: moment.at.line() });
        }
        Ok(Stage { moment, at: at.unwrap_or(SimTime::ZERO), run })
    }

    fn decide(
        &self,
        files: &dyn Files,
        stage: &Stage<'_>,
        posed: &Posed,
        claims: &mut Vec<Claim>,
    ) -> Result<Option<Question>, Vec<Diagnostic>> {
        let line = posed.at.line();
        match &posed.ask {
            Ask::Own(own) => chosen(files, stage, own, &posed.at).map(|(question, claim)| {
                claims.push(Claim { line, ..claim });
                question
            }),
            Ask::Made { subject, answer } => {
                let mut run = Simulation::new(Arc::clone(&stage.run.scenario), stage.run.seed, Keep::Outcome);
                run.run_until(stage.at).map_err(|why| vec![Diagnostic::error(&posed.at, why.to_string())])?;
                let node = run.view();
                let asked = Asked { history: &stage.run.history, node: &node, at: stage.at };
                let question = question(&asked, *subject);
                let right = question.as_ref().and_then(|question| question.options.get(question.answer as usize));
                let found = right.map_or("the question makes no sense at this moment", String::as_str);
                claims.push(Claim {
                    holds: right.is_some() && answer.as_ref().is_none_or(|answer| Some(answer) == right),
                    what: answer.as_ref().map_or("a question".into(), |answer| format!("the answer `{answer}`")),
                    found: found.to_owned(),
                    line,
                });
                Ok(question)
            }
        }
    }
}

/// A question of the lesson's own: what holds with just one of its options.
fn chosen(
    files: &dyn Files,
    stage: &Stage<'_>,
    own: &Written,
    at: &Location,
) -> Result<(Option<Question>, Claim), Vec<Diagnostic>> {
    let mut judged = Vec::new();
    for option in &own.options {
        let Some(check) = option.holds.as_ref().or(own.holds.as_ref()) else { continue };
        let one = if option.settings.is_empty() {
            judge(check, at.line(), &stage.run.history)
        } else {
            judge(check, at.line(), &ran(files, stage.moment, &option.settings)?.history)
        };
        judged.push(one);
    }
    let right: Vec<usize> = (0..judged.len()).filter(|&n| judged[n].holds).collect();
    let what = format!("just one option is right: {}", own.text.trim());
    let name = |n: &usize| format!("`{}`: {}", own.options[*n].text.trim(), judged[*n].found);
    let [only] = right[..] else {
        let all: Vec<usize> = (0..judged.len()).collect();
        let (head, list) = if right.is_empty() { ("none is", &all) } else { ("several are", &right) };
        let found = format!("{head}: {}", list.iter().map(name).collect::<Vec<_>>().join("; "));
        return Ok((None, Claim { holds: false, what, found, line: at.line() }));
    };
    let found = name(&only);
    let question = Question {
        text: own.text.clone(),
        options: own.options.iter().map(|option| option.text.clone()).collect(),
        answer: u32::try_from(only).unwrap_or(0),
        hint: own.hint.clone(),
        explanation: own.explanation.clone().unwrap_or_else(|| judged[only].found.clone()),
    };
    Ok((Some(question), Claim { holds: true, what, found, line: at.line() }))
}

fn judge(check: &Check, line: usize, history: &History) -> ExpectationResult {
    let expectation = Expectation { source: String::new(), line, required: RequiredShare::ALL, check: check.clone() };
    evaluate(std::slice::from_ref(&expectation), history).swap_remove(0)
}

fn ran(files: &dyn Files, moment: &Moment, more: &[String]) -> Result<Ran, Vec<Diagnostic>> {
    let unreadable =
        |why: FileError| vec![Diagnostic::error(&moment.at, format!("{} cannot be read: {why}", moment.scenario))];
    let text = files.read(&moment.scenario).map_err(unreadable)?;
    let folder = moment.scenario.rsplit_once('/').map_or("", |(folder, _)| folder);
    let settings: Vec<String> = moment.settings.iter().chain(more).cloned().collect();
    let kinds = load_kinds(&text, &moment.scenario, &Below { files, folder }, &settings)?;
    let Some(first) = kinds.into_iter().next() else {
        return Err(vec![Diagnostic::error(&moment.at, "the scenario has no node")]);
    };
    let scenario = first.scenario;
    let seed = moment.seed.map_or(scenario.seed, u64::from);
    let mut run = Simulation::new(Arc::clone(&scenario), seed, Keep::Series);
    run.run_until(SimTime::MAX).map_err(|why| vec![Diagnostic::error(&moment.at, why.to_string())])?;
    Ok(Ran { scenario, seed, history: run.finish() })
}

/// Files as a scenario in a folder below the lesson names them.
struct Below<'a> {
    files: &'a dyn Files,
    folder: &'a str,
}

impl Below<'_> {
    fn path(&self, path: &str) -> String {
        let absolute = path.starts_with('/') || self.folder.is_empty();
        if absolute { path.to_owned() } else { format!("{}/{path}", self.folder) }
    }
}

impl Files for Below<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.files.read(&self.path(path))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
        self.files.list(&self.path(directory))
    }
}
