//! What makes pods, and whether it makes any more.

use super::manifest::{given, list};
use crate::reader::Problems;
use crate::scalar::integer;
use crate::value::{Value, ValueKind};
use oomsim_core::plan::Controller;

/// A pod whose phase is Succeeded or Failed, or a Job whose condition Complete or Failed is true (batch/v1 JobStatus).
pub fn has_ended(kind: &str, object: &Value) -> bool {
    let Some(status) = object.get("status") else { return false };
    let text = |value: &Value, key: &str| given(value, key).and_then(Value::as_text).unwrap_or_default().to_owned();
    match kind {
        "Pod" => matches!(text(status, "phase").as_str(), "Succeeded" | "Failed"),
        "Job" => list(status, "conditions").iter().any(|condition| {
            matches!(text(condition, "type").as_str(), "Complete" | "Failed") && text(condition, "status") == "True"
        }),
        _ => false,
    }
}

/// A field of a Job, or of the Jobs that a CronJob makes.
pub(super) fn job_field<'v>(kind: &str, value: &'v Value, key: &str) -> Option<&'v Value> {
    let spec = value.get("spec")?;
    let spec = if kind == "CronJob" { spec.get("jobTemplate")?.get("spec")? } else { spec };
    given(spec, key)
}

/// How many pods a Job has at a time: `parallelism`, but no more than `completions`, and none while it is suspended
/// (pkg/controller/job job_controller.go manageJob) or the CronJob that makes it is (cronjob_controllerv2.go
/// syncCronJob).
pub(super) fn job_pods(p: &Problems, kind: &str, value: &Value) -> u32 {
    if !matches!(kind, "Job" | "CronJob") {
        return 1;
    }
    let number = |key: &str| job_field(kind, value, key).and_then(|v| integer(0, 10_000)(p, v));
    let own = value.get("spec").and_then(|spec| given(spec, "suspend"));
    let suspended =
        [own, job_field(kind, value, "suspend")].into_iter().flatten().any(|v| v.kind == ValueKind::Bool(true));
    let at_once = number("parallelism").unwrap_or(1);
    if suspended { 0 } else { number("completions").map_or(at_once, |all: u32| all.min(at_once)) }
}

/// Who makes a new pod in place of one that is gone: the object itself, or the owner of a pod.
pub(super) fn controller(kind: &str, value: &Value) -> Option<Controller> {
    let kind = match kind {
        "Pod" => {
            let owners = value.get("metadata").map_or(&[][..], |meta| list(meta, "ownerReferences"));
            let controls = |owner: &&Value| owner.get("controller").is_none_or(|v| v.kind != ValueKind::Bool(false));
            owners.iter().find(controls).and_then(|owner| owner.get("kind")).and_then(Value::as_text)?
        }
        kind => kind,
    };
    Some(match kind {
        "Deployment" | "ReplicaSet" | "ReplicationController" => Controller::Deployment,
        "StatefulSet" => Controller::StatefulSet,
        "DaemonSet" => Controller::DaemonSet,
        "Job" | "CronJob" => Controller::Job,
        _ => return None,
    })
}
