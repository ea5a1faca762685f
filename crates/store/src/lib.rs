//! Where studies run and where their results are kept: threads, journals, `runs.csv`, Apache Parquet.
//!
//! What is run, and what its rows say, is in `oomsim-planning`: a [`Plan`](oomsim_planning::plan::Plan) is a
//! deterministic list of runs, and a row depends on nothing but the id of its run. Rows go to a [`Journal`], in any
//! order, from any number of threads, processes or machines; their union, in the order of the plan, is the result.
//!
//! What is promised: a process may be killed at any instant, and a disk may be full; what was finished stays. Nothing
//! is taken out of a journal, a damaged line is never taken for a result, and a row is only used for the run whose id
//! it has. A file in a [`Folder`] appears whole or not at all, and never over one that this program did not write.
//!
//! ```
//! use oomsim_store::Pool;
//!
//! // Whichever thread is first: results come in the order of their numbers.
//! let pool = Pool::new(2)?;
//! assert_eq!(pool.map(0..5, |n| n * n), [0, 1, 4, 9, 16]);
//! # Ok::<(), oomsim_store::NoThreads>(())
//! ```

mod error;
mod execute;
mod folder;
mod journal;
mod lines;
mod pool;
mod results;
mod sorted;

pub use error::{StoreError, io_error};
pub use execute::{Progress, execute};
pub use folder::{Draft, Folder, remove_drafts};
pub use journal::{Damage, Done, Journal};
pub use lines::Contents;
pub use pool::{NoThreads, Pool};
pub use results::{Results, write};
pub use sorted::{Union, find_journals, for_each_row};
