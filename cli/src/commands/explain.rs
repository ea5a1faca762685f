//! `oomsim explain`: describes events with their fields, and lint rules.

use crate::exit::{Exit, Failure};
use crate::output;
use oomsim_core::record::view::{Field, KINDS, PROCESS_FIELDS, RecordKind};
use oomsim_report::style::{HEADING, paint};
use oomsim_scenario::reading::nearest;

/// Arguments of `oomsim explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Event (such as OomKill) or lint rule (such as OOM001) [default: list all events]
    #[arg(value_name = "KIND")]
    kind: Option<String>,
}

/// Runs `oomsim explain`.
///
/// # Errors
/// When there is no such kind.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let text = match args.kind {
        None => KINDS.iter().map(|kind| format!("{:22}{}\n", kind.name, kind.doc)).collect(),
        Some(name) => match KINDS.iter().find(|kind| kind.name.eq_ignore_ascii_case(&name)) {
            Some(kind) => describe(kind),
            None if oomsim_lint::rule(&name).is_some() => oomsim_lint::rule(&name).map(page).unwrap_or_default(),
            None => {
                let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
                let rules = oomsim_lint::RULES.iter().flat_map(|rule| [rule.code, rule.name]);
                let near = nearest(&name, names.iter().copied().chain(rules));
                let help = near.map_or_else(|| names.join(", "), |near| format!("did you mean `{near}`?"));
                return Err(Failure::bad_input(format!("{name} is neither an event nor a lint rule\n  help: {help}")));
            }
        },
    };
    output::print(&text)?;
    Ok(Exit::Holds)
}

/// A rule's section of docs/lint.md.
fn page(rule: &oomsim_lint::Rule) -> String {
    let title = paint(HEADING, format!("{} {}", rule.code, rule.name));
    format!("{title}\n{}\n\n{}\n", rule.summary, rule.page())
}

fn describe(kind: &RecordKind) -> String {
    let mut text = format!("{}\n{}\n\n", paint(HEADING, kind.name), kind.doc);
    let list = |text: &mut String, fields: &[Field], indent: usize| {
        for field in fields {
            text.push_str(&format!("{:indent$}{:22}{}\n", "", field.name, field.doc));
        }
    };
    list(&mut text, kind.fields, 2);
    if kind.has("victim.pid") {
        text.push_str("\n  fields of victim and of each entry of killed:\n");
        list(&mut text, PROCESS_FIELDS, 4);
    }
    text
}
