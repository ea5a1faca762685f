//! The files of one row, and the run that comes of them.

use oomsim_core::kernel::Release;
use oomsim_core::node::{NodeView, Simulation};
use oomsim_core::record::{Entry, Keep, Record};
use oomsim_core::units::SimTime;
use oomsim_scenario::{FileError, Files, LoadedScenario, load};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Files as a user would have them: a scenario, and what it names.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    /// `scenario.toml`.
    pub scenario: String,
    /// The other files by name.
    pub files: BTreeMap<String, String>,
}

/// Why the reader refuses the files.
#[derive(Clone, Debug)]
pub(super) struct Refused(pub Vec<String>);

impl Refused {
    /// All messages in one line.
    pub fn text(&self) -> String {
        self.0.join("; ")
    }
}

/// The node of a scenario, in the words of its tables.
#[derive(Clone, Debug)]
pub(super) struct Machine<'a> {
    /// MemTotal, bytes.
    pub memory: u64,
    /// SwapTotal, bytes.
    pub swap: u64,
    /// Release, as `uname -r` prints it.
    pub kernel: &'a str,
    /// Unified hierarchy.
    pub cgroup_v2: bool,
    /// Sysctls by name.
    pub sysctl: Vec<(&'static str, u64)>,
    /// Further lines of `[node]`.
    pub more: String,
}

impl Machine<'_> {
    /// A node of this size with cgroup v2, whose container runtime needs no time.
    pub fn new(memory: u64) -> Self {
        Machine { memory, swap: 0, kernel: "6.12", cgroup_v2: true, sysctl: Vec::new(), more: String::new() }
    }
}

/// A container runtime that needs no time.
pub(super) const AT_ONCE: &str =
    "runtime = { sandboxCreate = \"0s\", containerCreate = \"0s\", containerRemove = \"0s\", podTeardown = \"0s\" }\n";

impl Folder {
    /// A scenario of this machine that lasts so long.
    pub fn new(machine: &Machine<'_>, duration: &str) -> Folder {
        let Machine { memory, swap, kernel, cgroup_v2, sysctl, more } = machine;
        let version = if Release::parse(kernel).is_some() { kernel } else { "6.12" };
        let mut text = format!("duration = \"{duration}\"\n[node]\nmemory = {memory}\nswap = {swap}\n{more}");
        let cgroup = if *cgroup_v2 { "v2" } else { "v1" };
        let _ = writeln!(text, "[kernel]\nversion = \"{version}\"\ncgroup = \"{cgroup}\"");
        if !sysctl.is_empty() {
            let list: Vec<String> = sysctl.iter().map(|(name, value)| format!("\"{name}\" = {value}")).collect();
            let _ = writeln!(text, "sysctl = {{ {} }}", list.join(", "));
        }
        Folder { scenario: text, files: BTreeMap::new() }
    }

    /// With a kubelet of the recordings' version and this KubeletConfiguration; `more` are lines of `[kubelet]`.
    pub fn kubelet(mut self, config: Value, more: &str) -> Folder {
        let mut object = json!({ "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration" });
        if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), config) {
            object.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
        }
        self.files.insert("kubelet.yaml".into(), object.to_string());
        let _ = writeln!(self.scenario, "[kubelet]\nversion = \"1.32\"\nconfig = \"kubelet.yaml\"\n{more}");
        self
    }

    /// With a pod from a manifest; `more` are lines of its `[[pod]]`.
    pub fn pod(mut self, manifest: &Value, more: &str) -> Folder {
        let name = format!("pod-{}.json", self.files.len());
        let _ = writeln!(self.scenario, "[[pod]]\nmanifest = \"{name}\"\n{more}");
        self.files.insert(name, manifest.to_string());
        self
    }

    /// With more lines at the end of the scenario.
    pub fn with(mut self, lines: &str) -> Folder {
        self.scenario.push_str(lines);
        self
    }

    /// Reads the scenario as any other.
    pub fn read(&self) -> Result<LoadedScenario, Refused> {
        load(&self.scenario, "scenario.toml", self, &[])
            .map_err(|problems| Refused(problems.into_iter().map(|p| p.message).collect()))
    }

    /// A run about to begin.
    pub fn start(&self) -> Result<Simulation, Refused> {
        let scenario = self.read()?.scenario;
        let seed = scenario.seed;
        Ok(Simulation::new(scenario, seed, Keep::Events))
    }

    /// Everything that a whole run records.
    pub fn run(&self) -> Result<Vec<Entry>, Refused> {
        let mut simulation = self.start()?;
        let end = simulation.run_until(SimTime::MAX);
        end.map_err(|why| Refused(vec![why.to_string()]))?;
        Ok(simulation.entries().to_vec())
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.files.get(path).cloned().ok_or(FileError::NotFound)
    }

    fn list(&self, _directory: &str) -> Result<Vec<String>, FileError> {
        Ok(self.files.keys().cloned().collect())
    }
}

/// Runs to the end and looks at the node after each event that recorded something wanted.
pub(super) fn look_at(
    simulation: &mut Simulation,
    wanted: impl Fn(&Record) -> bool,
    mut look: impl FnMut(&NodeView, &Record),
) {
    let mut seen = simulation.entries().len();
    while simulation.step().is_some() {
        let new: Vec<Record> = simulation.entries()[seen..].iter().map(|entry| entry.record.clone()).collect();
        seen += new.len();
        if new.iter().any(&wanted) {
            let view = simulation.view();
            new.iter().filter(|record| wanted(record)).for_each(|record| look(&view, record));
        }
    }
}
