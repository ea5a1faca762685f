//! What breaks oomsim if anything does: parsers of what comes from outside, with inputs to start from, and random
//! scenarios. `oomsim-fuzz` damages these inputs at random; the targets in `guided/` are led by what code they reach.

mod mutate;
pub mod parsers;
pub mod scenarios;

/// What a panic says.
pub fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    format!("panic: {}", text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default())
}
