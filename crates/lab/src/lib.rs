//! The engine for a browser: a scenario's text goes in, and then any instant of its run can be looked at, changed
//! and compared with what would have happened otherwise.
//!
//! [`Lab`] is the whole of it, plain Rust that tests can use; [`Engine`] hands it to JavaScript, with JSON as the form
//! of everything. Nothing here reads a file, a clock or the network: what a scenario names is handed over first.
//!
//! ```
//! use oomsim_lab::{Lab, Variation};
//!
//! let mut lab = Lab::default();
//! let leak = "node.memory = '2Gi'\n[[host]]\nname = 'leak'\nworkload.leak = { block = '50Mi', every = '500ms' }\n";
//! let course = lab.open("leak.toml", leak, Variation::default()).expect("a right scenario");
//! let death = &course.run.deaths[0];
//! assert!(death.process.starts_with("leak"));
//! let before = lab.seek(course.number, death.at).expect("an instant of the run");
//! assert!(serde_json::to_string(&before)?.contains("\"comm\":\"leak\""));
//! # Ok::<(), serde_json::Error>(())
//! ```

// What these crates must not use, and why, stands in clippy.toml.
#![cfg_attr(
    not(test),
    deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, clippy::print_stderr)
)]

mod bindings;
mod course;
mod cure;
mod digests;
mod files;
mod lab;
mod problem;
mod race;

pub use bindings::Engine;
pub use course::SeekError;
pub use cure::Cure;
pub use digests::{DigestError, lines as digests};
pub use files::Stored;
pub use lab::{Lab, Opened, Variation};
pub use oomsim_lesson::{Page, PagePart, Question};
pub use problem::Problem;
pub use race::{Piece, Pieces, Race};

#[cfg(test)]
mod types {
    use super::*;
    use ts_rs::{Config, TS};

    /// The page's types are these; `UPDATE_EXPECT=1 cargo test -p oomsim-lab` writes them anew.
    #[test]
    fn the_types_of_the_page_are_these() {
        let config = Config::default();
        let types = [
            Variation::decl(&config),
            Opened::decl(&config),
            Problem::decl(&config),
            Cure::decl(&config),
            Race::decl(&config),
            Piece::decl(&config),
        ];
        let head = "// Written by the test of crates/lab/src/lib.rs.\nimport type { Run } from \"../data\";\n";
        let text: String = types.iter().map(|decl| format!("export {decl}\n")).collect();
        expect_test::expect_file!["../../../web/src/lab/data.ts"].assert_eq(&format!("{head}{text}"));
    }
}
