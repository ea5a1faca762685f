//! The tables of a scenario, one file per subject.

mod absent;
mod check;
mod check_kubelet;
mod container;
mod expect;
mod expect_filter;
mod gates;
mod host;
mod injection;
mod kernel;
mod killer;
mod known;
mod kubelet;
mod kubelet_config;
mod kubelet_files;
mod kubelet_names;
mod makers;
mod manifest;
mod node;
mod pod;
mod priority;
mod probe;
mod process;
mod resources;
mod runtime;
mod trace;
mod trace_file;
mod workload;
mod wrappers;

pub use self::expect::{event_match, statement};
pub use self::makers::has_ended;
pub(crate) use self::wrappers::is_command_line;
pub use self::wrappers::{ProviderDefault, Settings, is_kubelet_settings, kubelets};

use self::check_kubelet::{Given, kernel_tunables, start_kubelet};
use self::pod::Manifests;
use super::diagnostic::Diagnostic;
use super::document::YamlFiles;
use super::file_kind::TomlKind;
use super::kinds::{Here, Kinds, said_once};
use super::load::{FileError, Files};
use super::loaded::{LoadedScenario, ScenarioPlaces};
use super::overrides::Override;
use super::reader::{Problems, TableReader};
use super::scalar::{integer, name, prose, some_duration};
use super::source::Location;
use super::tables;
use super::value::Value;
use oomsim_core::kubelet::KubernetesProfile;
use oomsim_core::node_api::Name;
use oomsim_core::plan::{NodePlan, Scenario};
use oomsim_core::units::Bytes;
use oomsim_core::units::SimDuration;
use std::ops::Range;
use std::sync::Arc;

/// What reading a scenario needs.
pub(crate) struct Context<'a> {
    pub problems: &'a Problems,
    files: (&'a dyn Files, &'a YamlFiles),
    /// Name of the scenario file.
    pub file: &'a str,
    /// The kind of node that is read.
    pub here: Here<'a>,
    /// Settings of pods that come from manifests.
    pub of_manifests: &'a [Override],
    /// What manifests have, as far as they were read: many tables may name one large file.
    pub manifests: &'a Manifests,
}

impl Context<'_> {
    /// The documents of a YAML file that is named at `at`.
    pub fn documents(&self, path: &str, at: &Location) -> Option<Arc<[Value]>> {
        let (files, yaml) = self.files;
        yaml.documents(self.problems, files, path, at)
    }

    /// The text of a file that is named at `at`.
    pub fn text(&self, path: &str, at: &Location) -> Option<String> {
        let problem = |why| self.problems.error(at, format!("`{path}` cannot be read: {why}"));
        self.files.0.read(path).map_err(problem).ok()
    }

    /// The names of the files in a directory.
    pub fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
        self.files.0.list(directory)
    }
}

/// The kinds of node that are wanted, each as a scenario; `Some` when all of them could be read.
pub(crate) fn scenarios(
    p: &Problems,
    files: (&dyn Files, &YamlFiles),
    file: &str,
    kinds: &Kinds,
    chosen: Range<usize>,
) -> Option<Vec<LoadedScenario>> {
    let mut found = Vec::new();
    let mut scenarios = Vec::new();
    for (index, kind) in kinds.list.iter().enumerate().take(chosen.end).skip(chosen.start) {
        let problems = Problems::default();
        let here = Here { kinds: &kinds.names, name: kind.name() };
        let of_manifests = &kind.of_manifests;
        let manifests = &Manifests::default();
        let cx = Context { problems: &problems, files, file, here, of_manifests, manifests };
        let read = scenario(&cx, &kind.root);
        scenarios.push(read.map(|(read, places)| {
            let scenario = Arc::new(Scenario { seed: read.seed.wrapping_add(kinds.before(index)), ..read });
            LoadedScenario { scenario, places, warnings: Vec::new() }
        }));
        #[cfg(test)]
        p.learn(&problems);
        p.unlisted(&problems);
        found.push((kind.name(), problems.sorted()));
    }
    said_once(&found).into_iter().for_each(|problem| p.push(problem));
    let loaded: Vec<LoadedScenario> = scenarios.into_iter().collect::<Option<_>>()?;
    let scenarios = || loaded.iter().map(|loaded| &loaded.scenario);
    if p.errors() == 0 && scenarios().any(|scenario| !scenario.pods.is_empty()) {
        for (kind, _) in kinds.list[chosen].iter().zip(scenarios()).filter(|(_, scenario)| scenario.pods.is_empty()) {
            p.warn(&kind.at, format!("no pod runs on nodes of the kind `{}`", kind.name()));
        }
    }
    let nodes = scenarios().map(|scenario| i64::from(scenario.nodes)).sum::<i64>();
    if nodes > tables::MAX_NODES {
        p.error(&kinds.at, format!("{nodes} nodes in total: at most {}", tables::MAX_NODES));
    }
    (!loaded.is_empty()).then_some(loaded)
}

/// The file with one kind of node.
fn scenario(cx: &Context<'_>, root: &Value) -> Option<(Scenario, ScenarioPlaces)> {
    let kind = TomlKind::of(root);
    if kind == TomlKind::KubeletSettings {
        let problem = Diagnostic::error(&root.at, "this is user data of Bottlerocket, not a scenario");
        cx.problems.push(problem.help("`oomsim node --config`, `oomsim lint` and `oomsim import` read it"));
        return None;
    }
    if kind != TomlKind::Scenario {
        let study = root.entries().unwrap_or_default().iter().find(|entry| entry.key == "scenario")?;
        let problem = Diagnostic::error(&study.key_at, "this is a study, not a scenario");
        cx.problems.push(problem.help(format!("`{}` runs it", kind.command())));
        return None;
    }
    let with_points = trace_file::with_points(cx, root);
    let root = with_points.as_ref().unwrap_or(root);
    let mut t = TableReader::open(cx.problems, &tables::SCENARIO, root)?;
    let stem = file_stem(cx.file);
    let mut scenario = Scenario::new(&t.or("name", stem, name), NodePlan::new(Bytes::ZERO));
    scenario.description = t.or("description", String::new(), prose);
    scenario.seed = t.or("seed", scenario.seed, integer(0, i64::MAX));
    scenario.nodes = t.or("nodes", scenario.nodes, integer(1, tables::MAX_NODES));
    scenario.duration = t.or("duration", scenario.duration, some_duration);
    scenario.sample_every = t.or("sample", scenario.sample_every, some_duration);
    let mut places = ScenarioPlaces::default();
    places.node = t.get("node").map(node::places).unwrap_or_default();
    let mut node = t.required("node", |p, value| node::node(p, value, &cx.here));
    let kernel = t.get("kernel");
    if let (Some(node), Some(kernel)) = (&mut node, kernel) {
        kernel::kernel(cx.problems, kernel, &mut node.kernel, &mut places.node);
    }
    if let Some(node) = &mut node {
        node.kernel.node_oom_stall = SimDuration::from_millis(node.kernel.profile.node_oom_stall_ms.into());
    }
    let kubelet_table = t.get("kubelet");
    let pod_tables = t.items("pod");
    let kubelet = match kubelet_table {
        Some(table) => kubelet::kubelet(cx, table, node.as_ref()),
        None if pod_tables.is_empty() => None,
        None => Some(Given::without_configuration(&root.at)),
    };
    let profile = kubelet.as_ref().map_or_else(KubernetesProfile::default, |given| given.profile);
    scenario.kubelet = kubelet.zip(node.as_mut()).map(|(given, node)| {
        kernel_tunables(cx.problems, &given, &mut node.kernel, &kernel::given_sysctls(kernel));
        let plan = start_kubelet(cx.problems, &given, node);
        places.kubelet = given.draft.places;
        plan
    });
    let disk = node.as_ref().is_some_and(|node| node.kernel.disk.is_some());
    let drafts = pod::pods(cx, pod_tables, &profile, disk);
    places.pods = drafts.iter().map(|pod| (pod.plan.full_name(), pod.places.clone())).collect();
    scenario.pods = drafts.into_iter().map(|pod| pod.plan).collect();
    let mut here = |key| cx.here.of(cx.problems, t.items(key), "node");
    scenario.hosts = host::hosts(cx.problems, &here("host"));
    let at = here("at");
    let machine = injection::Machine { kubelet: kubelet_table, node: node.as_ref() };
    scenario.injections = injection::injections(cx, &at, &machine);
    let expect = cx.here.of(cx.problems, t.items("expect"), "node");
    scenario.expectations = expect::expectations(cx.problems, &expect);
    t.finish();
    scenario.node = node?;
    check::check(cx.problems, root, &scenario, &cx.here);
    Some((scenario, places))
}

/// `oom2` of `scenarios/oom2.toml`.
fn file_stem(file: &str) -> Name {
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = base.strip_suffix(".toml").unwrap_or(base);
    if stem.is_empty() { "scenario".into() } else { stem.into() }
}
