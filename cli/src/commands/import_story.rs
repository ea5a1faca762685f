//! `oomsim import-story`: a recorded whole-node story as a scenario.

use super::conformance::open;
use crate::exit::{Exit, Failure};
use crate::output;
use flate2::read::GzDecoder;
use oomsim_conformance::node::story::Story;
use oomsim_conformance::node::{CARRIED, Disturbance, pick, scenario};
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Arguments of `oomsim import-story`.
#[derive(Debug, clap::Args)]
#[command(
    allow_missing_positional = true,
    after_help = "\
The scenario is the one that `oomsim conformance` runs. It contains the inputs of the recorded run, what the node held when
the workloads began, and when each program allocated how much.

Examples:
  oomsim import-story s1-F04-009 > x.toml && oomsim run x.toml
  oomsim import-story recordings/stories.jsonl s1-F04-009 > x.toml"
)]
pub struct Args {
    /// Recorded runs (.jsonl or .jsonl.gz) [default: the built-in ones]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Name of the recorded run
    #[arg(value_name = "ID", required = true)]
    id: String,
}

/// Runs `oomsim import-story`.
///
/// # Errors
/// When the file cannot be read or has no such story.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let story = load(args.file.as_deref(), &args.id)?;
    let text = scenario(&story, Disturbance::NONE).map_err(|why| Failure::bad_input(format!("{}: {why}", story.id)))?;
    output::print(&text)?;
    Ok(Exit::Holds)
}

/// A story of a file, or of those that come with the program.
///
/// # Errors
/// When the file cannot be read or has no such story.
pub fn load(file: Option<&Path>, id: &str) -> Result<Story, Failure> {
    match file {
        Some(path) => pick(open(path)?, id).map_err(|why| Failure::bad_input(format!("{}: {why}", path.display()))),
        None => pick(BufReader::new(GzDecoder::new(CARRIED)), id).map_err(Failure::bad_input),
    }
}
