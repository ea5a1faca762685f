//! From the text of a lesson to what it shows and asks.

use crate::question::Subject;
use crate::tables;
use oomsim_core::record::expect::{Check, EventMatch};
use oomsim_core::units::SimTime;
use oomsim_scenario::reading::{
    Problems, TableReader, Value, event_match, integer, one_of, parse_document, prose, source, statement, text, time,
};
use oomsim_scenario::{Diagnostic, Location, Source};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::ops::Range;
use std::sync::Arc;

/// First words of the blocks.
const MOMENT: &str = "toml,lab";
const QUESTION: &str = "toml,question";

/// A lesson as it was written.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// The first heading.
    pub title: String,
    /// Its parts, in their order.
    pub parts: Vec<Part>,
    pub(crate) source: Arc<Source>,
}

/// A part of a lesson.
#[derive(Clone, Debug)]
pub enum Part {
    /// Markdown.
    Prose(String),
    /// A moment of a run.
    Moment(Moment),
    /// A question about the moment before.
    Question(Posed),
}

/// A moment of a run.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The scenario, relative to the lesson.
    pub scenario: String,
    /// Settings, as after `--set`.
    pub settings: Vec<String>,
    /// The seed, if not the scenario's.
    pub seed: Option<u32>,
    /// The instant.
    pub when: When,
    /// What the text says about this run, each with its line.
    pub expect: Vec<(Check, usize)>,
    pub(crate) at: Location,
}

/// An instant of a run.
#[derive(Clone, Debug)]
pub enum When {
    /// A time.
    Time(SimTime),
    /// Right before the first event that fits.
    Event(Box<EventMatch>),
}

/// A question with its place.
#[derive(Clone, Debug)]
pub struct Posed {
    /// The question.
    pub ask: Ask,
    pub(crate) at: Location,
}

/// Who makes the question.
#[derive(Clone, Debug)]
pub enum Ask {
    /// The lab, from the moment.
    Made {
        /// What it is about.
        subject: Subject,
        /// The right answer, as the lesson's author thinks.
        answer: Option<String>,
    },
    /// The lesson.
    Own(Box<Written>),
}

/// A question of the lesson's own.
#[derive(Clone, Debug)]
pub struct Written {
    /// The question.
    pub text: String,
    /// What to look at.
    pub hint: String,
    /// What the learner reads afterwards; what the run found, if there is none.
    pub explanation: Option<String>,
    /// What holds with the settings of the right option, and with no other's.
    pub holds: Option<Check>,
    /// What can be chosen: the text, settings, and what holds if it is right.
    pub options: Vec<WrittenOption>,
}

/// An option of a question.
#[derive(Clone, Debug)]
pub struct WrittenOption {
    /// What the learner reads.
    pub text: String,
    /// Settings with which the question's `holds` is tried.
    pub settings: Vec<String>,
    /// What holds in the run itself if this is right.
    pub holds: Option<Check>,
}

/// True when a Markdown text has a block of a lesson.
pub fn is_lesson(text: &str) -> bool {
    blocks(text).any(|(info, _)| info == MOMENT || info == QUESTION)
}

/// The fenced blocks of a text: what stands behind the fence, and the whole block's place.
fn blocks(text: &str) -> impl Iterator<Item = (String, Range<usize>)> {
    Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter().filter_map(|(event, range)| match event {
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => Some((info.trim().to_owned(), range)),
        _ => None,
    })
}

impl Lesson {
    /// Reads a lesson; `file` is its name in diagnostics.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(text: &str, file: &str) -> Result<Lesson, Vec<Diagnostic>> {
        let problems = Problems::default();
        let Some(source) = source(file, text, &problems) else { return Err(problems.into_sorted()) };
        let mut parts = Vec::new();
        let mut written = 0;
        let mut moments = 0;
        for (info, range) in blocks(text) {
            if info != MOMENT && info != QUESTION {
                continue;
            }
            push_prose(&mut parts, &text[written..range.start]);
            written = range.end;
            let Some(table) = table(&problems, &source, range) else { continue };
            if info == MOMENT {
                moments += 1;
                parts.extend(moment(&problems, &table).map(Part::Moment));
            } else {
                if moments == 0 {
                    problems.error(&table.at, "a question is about the moment before it, and there is none");
                }
                parts.extend(posed(&problems, &table).map(Part::Question));
            }
        }
        push_prose(&mut parts, &text[written..]);
        if moments == 0 {
            let what = "a lesson needs a block ```toml,lab with a scenario and an instant";
            problems.error(&Location::new(&source, 0..0), what);
        }
        if problems.errors() > 0 {
            return Err(problems.into_sorted());
        }
        Ok(Lesson { title: title(text).unwrap_or_else(|| file.to_owned()), parts, source })
    }

    /// Its name in diagnostics.
    pub fn file(&self) -> &str {
        &self.source.name
    }
}

fn push_prose(parts: &mut Vec<Part>, text: &str) {
    if !text.trim().is_empty() {
        parts.push(Part::Prose(text.to_owned()));
    }
}

fn title(text: &str) -> Option<String> {
    let mut inside = false;
    let mut title = String::new();
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => inside = true,
            Event::End(TagEnd::Heading(HeadingLevel::H1)) => return Some(title),
            Event::Text(text) | Event::Code(text) if inside => title.push_str(&text),
            _ => {}
        }
    }
    None
}

/// The table in a fenced block. It is parsed in a text of which everything else is blank, so that its places are those
/// of the file.
fn table(problems: &Problems, whole: &Arc<Source>, block: Range<usize>) -> Option<Value> {
    let text = &whole.text;
    let inside = text[block.clone()].find('\n').map_or(block.end, |end| block.start + end + 1);
    let last = text[inside..block.end].trim_end().rfind('\n').map_or(inside, |end| inside + end);
    // A fence that is never closed ends with the file.
    let closed = text[last..block.end].trim().starts_with(['`', '~']);
    let end = if closed { last } else { block.end };
    let blank = |part: &str| part.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect::<String>();
    let mut only = blank(&text[..inside]);
    only.push_str(&text[inside..end]);
    let parsed = Arc::new(Source::new(whole.name.clone(), only));
    match parse_document(&parsed) {
        Ok(value) => Some(Value { at: Location::new(whole, inside..end), ..value }),
        Err(wrong) => {
            wrong.into_iter().for_each(|problem| problems.push(problem));
            None
        }
    }
}

fn texts(p: &Problems, value: &Value) -> Option<Vec<String>> {
    let Some(items) = value.items() else {
        p.expected(value, "an array of `KEY=VALUE`");
        return None;
    };
    items.iter().map(|item| text(p, item)).collect()
}

fn moment(p: &Problems, value: &Value) -> Option<Moment> {
    let mut t = TableReader::open(p, &tables::MOMENT, value)?;
    let scenario = t.required("scenario", text);
    let settings = t.or("set", Vec::new(), texts);
    let seed = t.optional("seed", integer(0, i64::from(u32::MAX)));
    let at = t.optional("at", time);
    let event = value.get("event").is_some().then(|| event_match(p, &mut t));
    if event.is_none() {
        t.get("event");
    } else if at.is_some() {
        p.error(t.at(), "`at` and `event` exclude each other");
    }
    let said = |value: &Value| Some((statement(p, value)?, value.at.line()));
    let expect = t.items("expect").iter().filter_map(said).collect();
    t.finish();
    let when = match event {
        Some(event) => When::Event(Box::new(event?)),
        None => When::Time(at.unwrap_or(SimTime::ZERO)),
    };
    Some(Moment { scenario: scenario?, settings, seed, when, expect, at: value.at.clone() })
}

fn posed(p: &Problems, value: &Value) -> Option<Posed> {
    let mut t = TableReader::open(p, &tables::QUESTION, value)?;
    let ask = match (value.get("ask"), value.get("text")) {
        (Some(_), None) => made(&mut t),
        (None, Some(_)) => own(p, &mut t),
        _ => {
            p.error(t.at(), "a question needs exactly one of `ask` and `text`");
            t.rest();
            None
        }
    };
    t.finish();
    Some(Posed { ask: ask?, at: value.at.clone() })
}

fn made(t: &mut TableReader<'_>) -> Option<Ask> {
    let subject = t.required("ask", one_of("question", &Subject::NAMES));
    let answer = t.optional("answer", text);
    Some(Ask::Made { subject: subject?, answer })
}

fn own(p: &Problems, t: &mut TableReader<'_>) -> Option<Ask> {
    let question = t.required("text", prose);
    let hint = t.or("hint", String::new(), prose);
    let explanation = t.optional("explanation", prose);
    let holds = t.optional("holds", statement);
    let options: Vec<_> = t.items("option").iter().filter_map(|value| option(p, value)).collect();
    if options.len() < 2 {
        p.error(t.at(), "a question needs two `[[option]]` at least");
    }
    if holds.is_none() && options.iter().any(|option| option.holds.is_none()) {
        p.error(t.at(), "what is right is said by `holds`: of the question, or of every option");
    }
    Some(Ask::Own(Box::new(Written { text: question?, hint, explanation, holds, options })))
}

fn option(p: &Problems, value: &Value) -> Option<WrittenOption> {
    let mut t = TableReader::open(p, &tables::OPTION, value)?;
    let words = t.required("text", prose);
    let settings = t.or("set", Vec::new(), texts);
    let holds = t.optional("holds", statement);
    t.finish();
    Some(WrittenOption { text: words?, settings, holds })
}
