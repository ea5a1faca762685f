//! Studies as files: a scenario, what varies, how often, and what is measured.

mod axes;
mod goal;
mod sweep;

pub use goal::{AsItIs, Goal};
pub use sweep::Study;

#[cfg(test)]
mod tests;
