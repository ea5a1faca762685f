//! What is there and means nothing, and what is not there and would decide.

use crate::drawn::{Case, Draw};
use crate::files::{Curve, Report, event};
use oomsim_explain::diagnose::Ailment;
use serde_json::json;

/// Things that many pods have, whatever ails them: a few in a hundred of each; more where there is less to go by.
pub fn distract(cause: Ailment, case: &mut Case, d: &mut Draw) {
    let percent = if d.hard { 25 } else { 10 };
    if d.chance(percent) && cause != Ailment::Tmpfs {
        // A small memory-backed volume that nothing grows in.
        case.pod["spec"]["volumes"] = json!([{ "name": "shm", "emptyDir": { "medium": "Memory" } }]);
        case.pod["spec"]["containers"][0]["volumeMounts"] = json!([{ "name": "shm", "mountPath": "/dev/shm" }]);
    }
    if d.chance(percent) && cause != Ailment::KilledByOther {
        case.pod["spec"]["containers"][0]["livenessProbe"] = json!({ "tcpSocket": { "port": 8080 } });
    }
    let own = &case.pod["spec"]["containers"][0];
    if d.chance(percent) && cause != Ailment::RuntimeSize && own["env"] == json!([]) {
        let options = json!([{ "name": "JAVA_TOOL_OPTIONS", "value": "-XX:MaxRAMPercentage=65.0" }]);
        case.pod["spec"]["containers"][0]["env"] = options;
    }
    if d.chance(percent) && cause != Ailment::LivenessProbe {
        // It was slow once.
        let name = d.pod_name();
        let mut slow =
            event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", "Pod", &name);
        slow["count"] = json!(1);
        case.events.push(slow);
    }
    let node = [Ailment::NodePressure, Ailment::NodeOvercommit, Ailment::ReservationTooSmall];
    if d.chance(percent) && !node.contains(&cause) {
        // Another pod of the node grows.
        let points = d.sampled(|x| 300.0 + 1500.0 * x);
        let on = [("namespace", "batch"), ("pod", "import-1"), ("container", "import")];
        case.curves.push(Curve::new("container_memory_working_set_bytes", &on, points));
    }
    if d.chance(percent) && !node.contains(&cause) && !d.hard {
        case.curves.extend(d.node_memory(|x| 2600.0 - 1100.0 * x));
    }
    if d.chance(percent) && case.log.is_none() && !d.hard && cause != Ailment::KilledByOther {
        // The log of another day: a kill in another pod.
        let path =
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod11111111_2222_3333_4444_555555555555.slice";
        let tasks = vec![(77, 100_000, 984, "another")];
        let report = Report { cgroup: path, limit_kib: 400_000, anon_shmem: None, tasks, short: false };
        case.log = Some(report.text(12.0) + &report.text(99.0));
    }
}

/// Something that would decide was not brought.
pub fn take_away(cause: Ailment, case: &mut Case, d: &mut Draw) {
    if d.chance(25) {
        case.events.clear();
    }
    if d.chance(10) {
        // Restarted, but how it ended is not there any more.
        for status in ["containerStatuses", "initContainerStatuses"] {
            let all = case.pod["status"][status].as_array_mut();
            all.into_iter().flatten().for_each(|status| status["lastState"] = json!({}));
        }
    }
    if d.chance(15) {
        // Set in the image.
        case.pod["spec"]["containers"][0]["env"] = json!([]);
        case.pod["spec"]["containers"][0].as_object_mut().map(|map| map.remove("command").or(map.remove("args")));
    }
    if d.chance(5) && cause != Ailment::NodePressure && !case.curves.is_empty() {
        // Nothing but the curves.
        case.pod = serde_json::Value::Null;
    }
}
