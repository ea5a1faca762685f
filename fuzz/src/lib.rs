//! Parsers of what comes from outside, with inputs to start from, which `oomsim-fuzz` damages at random.

mod mutate;
pub mod parsers;

/// What a panic says.
pub fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    format!("panic: {}", text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default())
}
