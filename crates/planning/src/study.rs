//! Studies as files: a scenario, what varies, how often, and what is measured.

mod axes;
mod goal;
mod instances;
mod now;
mod sweep;
mod tables;

pub use goal::{AsItIs, Goal};
pub use instances::Instance;
pub use sweep::Study;
pub use tables::{GOAL, STUDY};

#[cfg(test)]
mod tests;
