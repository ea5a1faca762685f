//! `restart.jsonl`.

use super::input::{self, Check};
use crate::Verdict;
use oomsim_core::kubelet::backoff::{BackoffLimits, ContainerBackoff, event_message};
use oomsim_core::kubelet::exit_status::{self, LOST};
use oomsim_core::node_api::{WaitingReason, format_pod, waiting_message};
use oomsim_core::units::SimDuration;
use serde_json::{Value, json};

/// Checks one row.
pub fn check(row: &Value) -> Verdict {
    input::verdict(match row["kind"].as_str() {
        Some("backoff") => backoff(row),
        Some("exit_status") => exit_status(row),
        _ => Err(format!("unknown kind {}", row["kind"])),
    })
}

fn seconds(row: &Value, name: &str) -> Result<SimDuration, String> {
    input::length(&row[name]).map_err(|why| format!("{name}: {why}"))
}

fn backoff(row: &Value) -> Check {
    let limits = BackoffLimits { base: seconds(row, "base_s")?, max: seconds(row, "max_s")? };
    let reset = Verdict::compare("reset after", &seconds(row, "reset_after_s")?, &BackoffLimits::RESET_AFTER);
    let mut state = ContainerBackoff::default();
    let mut verdict = reset;
    for run in row["sequence"].as_array().ok_or("no sequence")? {
        let finished = input::time(&run["finished"])?;
        for recorded in run["attempts"].as_array().ok_or("no attempts")? {
            let now = input::time(&recorded["t"])?;
            let attempt = state.attempt(now, finished, limits);
            let got = describe(attempt.err(), &state, recorded);
            verdict = verdict.and(|| Verdict::compare(&format!("at {}", recorded["t"]), recorded, &got));
        }
    }
    Ok(verdict)
}

/// The attempt in the words of the recording, which keeps full texts in its first rows only.
fn describe(waits: Option<SimDuration>, state: &ContainerBackoff, recorded: &Value) -> Value {
    let mut got = json!({
        "t": recorded["t"],
        "in_backoff": waits.is_some(),
        "backoff_s": input::seconds(state.noted().unwrap_or_default()),
    });
    let Some(wait) = waits else { return got };
    let pod = format_pod("web", "default", "11111111-2222-4333-a444-555555555555");
    let message = waiting_message(wait, "app", &pod);
    got["err"] = WaitingReason::CrashLoopBackOff.as_str().into();
    if recorded["message"].as_str().is_some_and(|m| m.contains(" restarting")) {
        got["message"] = message.into();
    } else {
        got["message"] = message.split(" restarting").next().unwrap_or_default().into();
    }
    if recorded["events"].is_array() {
        got["events"] = json!([{
            "object": "Pod/web:spec.containers{app}",
            "type": "Warning",
            "reason": "BackOff",
            "message": event_message("app", &pod),
        }]);
    }
    got
}

fn exit_status(row: &Value) -> Check {
    let code = |name: &str| row[name].as_i64().and_then(|c| i32::try_from(c).ok()).ok_or(format!("no {name}"));
    let reason = row["cri_reason"].as_str().unwrap_or_default();
    let got = match row["state"].as_str() {
        Some("exited") => Some(exit_status::from_runtime(reason, code("cri_exit_code")?)),
        Some("running" | "created") => None,
        _ => Some(LOST),
    };
    let want = (row["kubelet_reason"].as_str().filter(|r| !r.is_empty()), row["kubelet_exit_code"].as_i64());
    let status = match got {
        // A container that has not ended has neither.
        None => Verdict::compare("status", &(want.0, want.1.filter(|c| *c != 0)), &(None, None)),
        Some(got) => {
            let reason = Some(got.reason).filter(|r| !r.is_empty());
            Verdict::compare("status", &want, &(reason, Some(i64::from(got.exit_code))))
        }
    };
    let failed = Some(got.is_some_and(exit_status::init_container_failed));
    Ok(status.and(|| Verdict::compare("init container failed", &row["init_container_failed"].as_bool(), &failed)))
}
