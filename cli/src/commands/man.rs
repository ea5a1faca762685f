//! `oomsim man`: manual pages.

use crate::args::Cli;
use crate::exit::{Exit, Failure};
use crate::flags::Force;
use crate::output;
use clap::CommandFactory;
use clap_mangen::Man;
use oomsim_store::Folder;
use std::path::PathBuf;

/// Arguments of `oomsim man`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for oomsim.1, oomsim-run.1, … [default: print oomsim.1]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
}

fn page(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page).map_err(|why| Failure::internal(why.to_string()))?;
    Ok(page)
}

/// Runs `oomsim man`.
///
/// # Errors
/// When something cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let mut command = Cli::command();
    command.build();
    let Some(out) = args.out else {
        output::print(&String::from_utf8_lossy(&page(command)?))?;
        return Ok(Exit::Holds);
    };
    let folder = Folder::unlisted(&out, args.force.force)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name = format!("oomsim-{}", sub.get_name());
        folder.write(&format!("{name}.1"), &page(sub.clone())?)?;
    }
    folder.write("oomsim.1", &page(command)?)?;
    Ok(Exit::Holds)
}
