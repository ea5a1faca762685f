//! `--format json`: one object for a run.

use super::RunReport;
use crate::deaths::{Death, deaths};
use crate::escape;
use oomsim_core::engine::Stop;
use oomsim_core::node_api::PodReason;
use oomsim_core::record::expect::ExpectationResult;
use oomsim_core::record::{History, Keep, Owner, view};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, BufWriter, Write};

/// One expectation.
pub fn expectation(result: &ExpectationResult) -> Value {
    json!({
        "holds": result.holds,
        "expected": result.expected,
        "found": result.found,
        "source": result.source,
        "line": result.line,
    })
}

/// Writes the whole object: a member a line, and of the long lists an element a line. Nothing of it is held in memory.
///
/// # Errors
/// When writing fails.
pub fn write(report: &RunReport, out: &mut dyn Write) -> io::Result<()> {
    let out = Asciied { out };
    let mut object = Lines { out: BufWriter::with_capacity(1 << 16, out), first: true };
    let history = &report.history;
    object.member("scenario", &&*history.scenario)?;
    object.member("file", &report.file)?;
    object.member("seed", &history.seed)?;
    object.member("digest", &history.digest.to_string())?;
    object.member("ended_at_s", &view::seconds(history.ended_at))?;
    let stop = match history.stop {
        Stop::Time => "time",
        Stop::Idle => "idle",
        Stop::Halted => "halted",
    };
    object.member("stop", &stop)?;
    object.member("versions", &versions(report))?;
    object.member("node", &node(history))?;
    object.member("counts", &counts(history))?;
    if report.kept >= Keep::Events {
        object.list("events", history.entries.iter().map(view::EntryObject))?;
        object.list("deaths", deaths(history).map(|death| death_value(&death)))?;
    } else {
        object.member("events", &())?;
        object.member("deaths", &())?;
    }
    object.list("pods", history.pods.iter().map(pod))?;
    object.list("processes", history.processes.iter().map(process))?;
    if let Some(standing) = &report.standing {
        object.member("risk", &crate::at_risk::value(standing))?;
    }
    object.list("expectations", report.results.iter().map(expectation))?;
    object.list("warnings", history.warnings.iter())?;
    object.member("reproduce", &report.reproduce)?;
    object.end()
}

fn counts(history: &History) -> Value {
    let counts = &history.counts;
    json!({
        "oom_kills": counts.oom_kills, "evictions": counts.evictions, "restarts": counts.restarts,
        "refusals": counts.refusals, "passes": counts.passes, "allocations": counts.allocations,
        "engine_events": history.events,
    })
}

/// An object under way, a member a line.
struct Lines<W: Write> {
    out: BufWriter<W>,
    first: bool,
}

impl<W: Write> Lines<W> {
    fn name(&mut self, name: &str) -> io::Result<()> {
        let before = if std::mem::take(&mut self.first) { "{\n" } else { ",\n" };
        write!(self.out, "{before}  \"{name}\": ")
    }

    fn member(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.name(name)?;
        Ok(serde_json::to_writer(&mut self.out, value)?)
    }

    fn list(&mut self, name: &str, elements: impl Iterator<Item = impl Serialize>) -> io::Result<()> {
        self.name(name)?;
        let mut before = "[\n    ";
        for element in elements {
            self.out.write_all(before.as_bytes())?;
            serde_json::to_writer(&mut self.out, &element)?;
            before = ",\n    ";
        }
        self.out.write_all(if before.starts_with('[') { b"[]" } else { b"\n  ]" })
    }

    fn end(mut self) -> io::Result<()> {
        self.out.write_all(b"\n}\n")?;
        self.out.flush()
    }
}

/// Writes JSON that neither a terminal nor a CI runner takes for a command: characters that act, and the `##[` of old
/// runners, become the escapes that JSON has for them. Each write holds whole characters.
struct Asciied<'a> {
    out: &'a mut dyn Write,
}

impl Write for Asciied<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let odd = |&b: &u8| b >= 0x7f || b == b'#';
        match std::str::from_utf8(bytes) {
            Ok(text) if bytes.iter().any(odd) => self.out.write_all(escape::json(text).as_bytes())?,
            _ => self.out.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn versions(report: &RunReport) -> Value {
    let kubelet = report.scenario.kubelet.as_ref();
    let kernel = &report.scenario.node.kernel.profile.version;
    json!({ "kernel": kernel, "kubernetes": kubelet.map(|kubelet| kubelet.profile.version) })
}

fn death_value(death: &Death) -> Value {
    let (comm, pid) = death.process.as_ref().map(|(comm, pid)| (&**comm, pid.0)).unzip();
    json!({
        "t": view::seconds(death.at), "comm": comm, "pid": pid, "of": death.of, "by": death.by, "why": death.why,
    })
}

fn node(history: &History) -> Value {
    let node = &history.node;
    json!({
        "name": &*node.name,
        "capacity": node.capacity.get(),
        "allocatable": node.allocatable.get(),
        "kubepods_limit": node.kubepods_limit.map(|b| b.get()),
        "eviction_hard": node.eviction_hard.map(|b| b.get()),
        "eviction_soft": node.eviction_soft.map(|b| b.get()),
        "pods_evicted_above": node.pods_evicted_above.map(|b| b.get()),
    })
}

fn pod(pod: &oomsim_core::record::PodOutcome) -> Value {
    let (namespace, name) = view::split_pod(&pod.pod);
    json!({
        "namespace": namespace, "pod": name, "qosClass": pod.qos, "phase": pod.phase,
        "reason": pod.reason.map_or("", PodReason::as_str),
        "message": &*pod.message, "status": pod.status, "restartCount": pod.restarts, "usage": pod.usage.get(),
    })
}

fn process(process: &oomsim_core::record::ProcessOutcome) -> Value {
    let (pod, container) = match &process.owner {
        Owner::Container { pod, container } => (Some(view::split_pod(pod)), Some(&**container)),
        Owner::Host(_) => (None, None),
    };
    json!({
        "pid": process.pid.0, "comm": &*process.comm, "namespace": pod.map(|p| p.0), "pod": pod.map(|p| p.1),
        "container": container, "rss": process.rss.get(), "vsize": process.virtual_size.get(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(report: &RunReport) -> String {
        let mut bytes = Vec::new();
        write(report, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_event_is_a_line_and_nothing_acts() {
        let mut report = crate::testdata::report(crate::testdata::oom4());
        report.file = "\u{202e}a ##[error]\u{9b}2J ü.toml".into();
        let text = written(&report);
        assert!(text.contains(r#""file": "\u202ea \u0023#[error]\u009b2J ü.toml""#), "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["file"], report.file.as_str());
        assert_eq!(read["events"].as_array().unwrap().len(), report.history.entries.len());
        let events = text.lines().filter(|line| line.starts_with(r#"    {"t":"#) && line.contains(r#""kind":"#));
        assert_eq!(events.count(), report.history.entries.len());
    }

    #[test]
    fn events_that_were_not_recorded_are_null() {
        let report = RunReport { kept: Keep::Outcome, ..crate::testdata::report(crate::testdata::oom4()) };
        let read: Value = serde_json::from_str(&written(&report)).unwrap();
        assert_eq!((&read["events"], &read["deaths"]), (&Value::Null, &Value::Null));
    }
}
