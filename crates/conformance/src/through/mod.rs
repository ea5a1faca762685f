//! Rows through the front door: each row's configuration written as the files a user would have, read by the ordinary
//! reader, run by the ordinary run, and what comes out compared with the row. This finds what is right as a function
//! and absent in the run.

mod allocatable;
mod cgroups;
mod eviction_sync;
mod folder;
mod kernel;
mod memcg;
mod passes;
mod pods;
mod programs;
mod qos;
mod quantity;
mod rank;
mod restart;

use crate::Verdict;
use serde_json::Value;

/// What became of a row that was to be put as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThroughFiles {
    /// It was run, and this came of it.
    Compared(Verdict),
    /// It cannot be put so, and why.
    NotAsFiles(&'static str),
}

/// A row being read and run: the verdict, or why there is none.
type Through = Result<Verdict, Stop>;

/// Why a row has no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stop {
    /// It cannot be put as files.
    NotAsFiles(&'static str),
    /// It cannot be read, or its files cannot.
    Unreadable(String),
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Stop::Unreadable(why)
    }
}

impl From<crate::node::StoryError> for Stop {
    fn from(why: crate::node::StoryError) -> Self {
        Stop::Unreadable(why.to_string())
    }
}

impl From<&str> for Stop {
    fn from(why: &str) -> Self {
        Stop::Unreadable(why.to_owned())
    }
}

/// Why rows of whole kinds are not put as files.
const NO_FILES: &str = "the steps of a test program, for which a scenario has no words";

/// Why pods of which the recordings have no real score are not.
const NO_SCORE: &str = "an oom_score_adj above 1000, with which no runtime starts a container";

/// Puts a row of the kind with this stem through files.
pub fn check(stem: &str, row: &Value) -> ThroughFiles {
    let through = match stem {
        "allocatable" => allocatable::check(row),
        "cgroups" => cgroups::check(row),
        "qos" => qos::check(row),
        "quantity" => quantity::check(row),
        "rank" => rank::check(row),
        "restart" => restart::check(row),
        "badness" => kernel::badness(row),
        "overcommit" => kernel::overcommit(row),
        "global_oom" => kernel::global(row),
        "resize" => kernel::resize(row),
        "memcg_oom_v1" | "memcg_oom_v2" => memcg::check(stem, row),
        // The check of a story writes its scenario and runs that.
        crate::node::STEM => crate::node::examine_row(row).map(|story| story.verdict()).map_err(Stop::from),
        crate::realnode::STEM => crate::realnode::examine_row(row).map(|story| story.verdict()).map_err(Stop::from),
        "eviction_sync" => eviction_sync::check(row),
        _ => Err(Stop::NotAsFiles(NO_FILES)),
    };
    match through {
        Ok(verdict) => ThroughFiles::Compared(verdict),
        Err(Stop::NotAsFiles(why)) => ThroughFiles::NotAsFiles(why),
        Err(Stop::Unreadable(why)) => ThroughFiles::Compared(Verdict::unreadable(why)),
    }
}
