//! `oomsim schema`: what editors complete and check files with.

use crate::exit::{Exit, Failure};
use crate::output;
use clap::ValueEnum;
use oomsim_planning::study::{GOAL, STUDY};
use oomsim_scenario::{SCENARIO, json_schema};

/// Arguments of `oomsim schema`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  oomsim schema scenario > oomsim.schema.json

A file that begins with this line is completed and checked by editors with taplo, such as VS Code with Even Better TOML:

  #:schema ./oomsim.schema.json")]
pub struct Args {
    /// Kind of file
    #[arg(value_enum)]
    kind: SchemaOf,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SchemaOf {
    /// A scenario, for `oomsim run`
    Scenario,
    /// A study, for `oomsim sweep`
    Study,
    /// A goal, for `oomsim plan`
    Goal,
}

/// Runs `oomsim schema`.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let schema = match args.kind {
        SchemaOf::Scenario => json_schema(&SCENARIO, "oomsim scenario"),
        SchemaOf::Study => json_schema(&STUDY, "oomsim study"),
        SchemaOf::Goal => json_schema(&GOAL, "oomsim goal"),
    };
    output::print(&format!("{schema:#}\n"))?;
    Ok(Exit::Holds)
}
