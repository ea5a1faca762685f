//! The `oomsim` command.

pub mod picture;
#[cfg(test)]
mod testdata;
