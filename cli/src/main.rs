//! The `oomsim` command.

use oomsim::exit::Exit;
use std::process::ExitCode;

/// Stack of the command: how deep it may go is no matter of `ulimit -s`.
const STACK: usize = 16 << 20;

fn main() -> ExitCode {
    match std::thread::Builder::new().stack_size(STACK).spawn(oomsim::main) {
        // What panics outside of the work itself has no more to say.
        Ok(command) => command.join().unwrap_or(Exit::Internal).into(),
        // Where no thread can be made, the main one has to do.
        Err(_) => oomsim::main().into(),
    }
}
