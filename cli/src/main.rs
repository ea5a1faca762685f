//! The `oomsim` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    oomsim::main().into()
}
