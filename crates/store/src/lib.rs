//! Where studies run and where their results are kept: threads, journals, `runs.csv`, Apache Parquet.
//!
//! What is run, and what its rows say, is in `oomsim-planning`: a [`Plan`](oomsim_planning::plan::Plan) is a
//! deterministic list of runs, and a row depends on nothing but the id of its run. Rows go to a [`Journal`], in any
//! order, from any number of threads, processes or machines; their union, in the order of the plan, is the result.

mod execute;
mod journal;
mod pool;
mod results;
mod sorted;

pub use execute::{Progress, execute};
pub use journal::{Done, Journal, StoreError};
pub use pool::{NoThreads, Pool};
pub use results::{Results, journal_header, write};
pub use sorted::{find_journals, for_each_row};
