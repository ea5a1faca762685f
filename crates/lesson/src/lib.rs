//! Lessons: a Markdown file with moments of runs and questions. Every answer is decided by running; a lesson whose
//! answers no longer come out is wrong, and `oomsim check` says where.
//!
//! A block ` ```toml,lab ` names a moment: a scenario, settings, and an instant or an event. A block
//! ` ```toml,question ` asks about the moment before it.
//!
//! ```
//! use oomsim_lesson::Lesson;
//! use oomsim_scenario::{FileError, Files};
//!
//! struct One(&'static str);
//! impl Files for One {
//!     fn read(&self, _path: &str) -> Result<String, FileError> {
//!         Ok(self.0.to_owned())
//!     }
//!     fn list(&self, _directory: &str) -> Result<Vec<String>, FileError> {
//!         Err(FileError::NotFound)
//!     }
//! }
//!
//! let leak = "node.memory = '2Gi'\n[[host]]\nname = 'leak'\nworkload.leak = { block = '50Mi', every = '500ms' }\n";
//! let text = "# A leak\n```toml,lab\nscenario = 'leak.toml'\nat = '5s'\n```\n\
//!     ```toml,question\nask = 'who goes next'\nanswer = 'host/leak'\n```\n";
//! let lesson = Lesson::read(text, "leak.md").expect("a right lesson");
//! let played = lesson.play(&One(leak)).expect("a right scenario");
//! assert!(played.claims.iter().all(|claim| claim.holds));
//! ```

// What these crates must not use, and why, stands in clippy.toml.
#![cfg_attr(
    not(test),
    deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, clippy::print_stderr)
)]

mod page;
mod play;
mod question;
mod read;
mod tables;

pub use page::{Page, PagePart};
pub use play::{Claim, Played};
pub use question::{Asked, Question, Subject, question, questions};
pub use read::{Ask, Lesson, Moment, Part, Posed, When, Written, is_lesson};

#[cfg(test)]
mod types {
    use super::*;
    use ts_rs::{Config, TS};

    /// The page's types are these; `UPDATE_EXPECT=1 cargo test -p oomsim-lesson` writes them anew.
    #[test]
    fn the_types_of_the_page_are_these() {
        let config = Config::default();
        let types = [Question::decl(&config), PagePart::decl(&config), Page::decl(&config)];
        let head = "// Written by the test of crates/lesson/src/lib.rs.\n".to_owned();
        let text: String = types.iter().map(|decl| format!("export {decl}\n")).collect();
        expect_test::expect_file!["../../../web/src/lab/lesson-data.ts"].assert_eq(&(head + &text));
    }
}
