//! The `oomsim` command.

fn main() {}
