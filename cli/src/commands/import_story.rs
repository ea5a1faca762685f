//! `oomsim import-story`: a recorded whole-node story as a scenario.

use super::conformance::open;
use crate::exit::{Exit, Failure};
use crate::output;
use flate2::read::GzDecoder;
use oomsim_conformance::node::story::Story;
use oomsim_conformance::node::{CARRIED, Disturbance, find, scenario, unknown};
use oomsim_conformance::realnode;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Arguments of `oomsim import-story`.
#[derive(Debug, clap::Args)]
#[command(
    allow_missing_positional = true,
    after_help = "\
The scenario is the one that `oomsim conformance` runs. It contains the inputs of the recorded run, what the node \
held when the workloads began, and when each program allocated how much.

Examples:
  oomsim import-story s1-F04-009 > x.toml && oomsim run x.toml
  oomsim import-story B26 > x.toml
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

/// A recorded run.
pub enum Recorded {
    /// A kernel with cgroups as the kubelet lays them out, and the eviction manager.
    Node(Box<Story>),
    /// A whole real node: kubelet, containerd, kernel.
    Real(Box<realnode::Story>),
}

/// Runs `oomsim import-story`.
///
/// # Errors
/// When the file cannot be read or has no such story.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let failed = |why: String| Failure::bad_input(format!("{}: {why}", args.id));
    let text = match load(args.file.as_deref(), &args.id)? {
        Recorded::Node(story) => scenario(&story, Disturbance::NONE).map_err(|why| failed(why.to_string()))?,
        Recorded::Real(story) => realnode::scenario_text(&story).map_err(|why| failed(why.to_string()))?,
    };
    output::print(&text)?;
    Ok(Exit::Holds)
}

/// A story of a file, or of those that come with the program.
///
/// # Errors
/// When the file cannot be read or has no such story.
pub fn load(file: Option<&Path>, id: &str) -> Result<Recorded, Failure> {
    let row = match file {
        Some(path) => {
            let in_file = |why| Failure::bad_input(format!("{}: {why}", path.display()));
            let found = find(open(path)?, id).map_err(in_file)?;
            found.map_err(|known| in_file(unknown(id, &known)))?
        }
        None => carried(id)?,
    };
    let understood = |why: serde_json::Error| Failure::bad_input(format!("{id}: {why}"));
    if row["timeline"].is_array() {
        return Ok(Recorded::Real(Box::new(serde_json::from_value(row).map_err(understood)?)));
    }
    Ok(Recorded::Node(Box::new(serde_json::from_value(row).map_err(understood)?)))
}

fn carried(id: &str) -> Result<serde_json::Value, Failure> {
    let mut known = Vec::new();
    for stories in [CARRIED, realnode::CARRIED] {
        match find(BufReader::new(GzDecoder::new(stories)), id).map_err(Failure::bad_input)? {
            Ok(row) => return Ok(row),
            Err(names) => known.extend(names),
        }
    }
    Err(Failure::bad_input(unknown(id, &known)))
}
