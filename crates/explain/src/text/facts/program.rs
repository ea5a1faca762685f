//! What programs did, and what became of their requests.

use super::{secs, who};
use crate::fact::ProgramFact;
use crate::text::{amount, clock};
use oomsim_core::node_api::RefusedCall;
use oomsim_core::units::{Bytes, SimDuration};

pub(super) fn sentence(fact: &ProgramFact) -> String {
    match fact {
        ProgramFact::Grew { who: whom, to, over, .. } if *over == SimDuration::ZERO => {
            format!("{} took {} as soon as it was started.", who(whom), amount(*to))
        }
        ProgramFact::Grew { who: whom, from, to, over } => {
            format!("{} grew from {} to {} in {}.", who(whom), amount(*from), amount(*to), secs(*over))
        }
        ProgramFact::Innocent { who: whom, grower, by } => format!(
            "{} did not cause this: it had not grown. What had grown, by {}, is {}.",
            who(whom),
            amount(*by),
            who(grower)
        ),
        ProgramFact::Refused { .. } | ProgramFact::RuntimeRefused { .. } | ProgramFact::KernelUninvolved { .. } => {
            refused(fact)
        }
        ProgramFact::WaitsForMemory { who: whom, since, some_avg10, usage, limit } => format!(
            "{} has been stalled since {}: for {} % of the last 10 s it waited for memory (memory.pressure some avg10), \
             with {} in use{}. Waiting is no failure: nothing is killed, and the container stays Running.",
            who(whom),
            clock(*since),
            some_avg10 / 100,
            amount(*usage),
            limit.map_or(String::new(), |limit| format!(" of {}", amount(limit)))
        ),
        ProgramFact::Stalled { who: whom, cgroup, usage, limit } => format!(
            "{} is stalled: {cgroup} is full ({} of {}). What it frees is text that it needs again at once, which counts as \
             success, so the kernel never kills.",
            who(whom),
            amount(*usage),
            amount(*limit)
        ),
        ProgramFact::Ended { who: whom, how } => format!("{} {how}.", who(whom)),
        ProgramFact::ByScenario => "The scenario itself did it ([[at]]).".into(),
        ProgramFact::Message { text } => format!("{text}"),
    }
}

fn refused(fact: &ProgramFact) -> String {
    match fact {
        ProgramFact::Refused { call, requested, mode, committed_as, commit_limit, ram, swap, free } => {
            let call = match call {
                RefusedCall::Mmap => "mmap",
                RefusedCall::Fork => "fork",
            };
            let free =
                free.map_or_else(String::new, |free| format!(" {} of RAM were free all the same.", amount(free)));
            let asked = format!("{call} of {} failed with ENOMEM (vm.overcommit_memory = {mode})", amount(*requested));
            match mode {
                2 => format!(
                    "{asked}: {} were promised already (Committed_AS) and no more than {} may be (CommitLimit; RAM {}, swap {}).{free}",
                    amount(*committed_as),
                    amount(*commit_limit),
                    amount(*ram),
                    amount(*swap)
                ),
                _ => format!("{asked}: RAM is {}, swap {}.{free}", amount(*ram), amount(*swap)),
            }
        }
        ProgramFact::RuntimeRefused { runtime, heap, limit, requested, container_limit } => {
            let share = container_limit.filter(|c| *c > Bytes::ZERO).map_or_else(String::new, |c| {
                format!(
                    " ({:.0} % of the container's limit of {})",
                    limit.get() as f64 * 100.0 / c.get() as f64,
                    amount(c)
                )
            });
            format!(
                "The {runtime} runtime refused {}: its heap held {} and its own limit is {}{share}.",
                amount(*requested),
                amount(*heap),
                amount(*limit)
            )
        }
        ProgramFact::KernelUninvolved { rss: Some(rss), limit: Some(limit) } => format!(
            "The kernel had no reason to act: the process held {}, its container may hold {}. So the end is reported as an error \
             of the program (Error), not as OOMKilled.",
            amount(*rss),
            amount(*limit)
        ),
        ProgramFact::KernelUninvolved { .. } => {
            "The kernel's OOM killer did not act, and no process is killed for this.".into()
        }
        _ => String::new(),
    }
}
