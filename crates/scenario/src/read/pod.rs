//! `[[pod]]`: a pod in the words of the scenario, or from a manifest with what the scenario adds to it.

use super::Context;
use super::absent;
use super::container::containers;
use super::kubelet_config::text_map;
use super::manifest::manifest;
use super::resources::{resource_list, resources};
use crate::kinds::Here;
use crate::overrides::Override;
use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, bytes, dns_name, duration, integer, name, one_of, text, time};
use crate::source::{Location, Places};
use crate::tables;
use crate::value::{Entry, Value, ValueKind};
use oomsim_core::kubelet::{KubernetesProfile, ResourceList, ResourceRequirements, RestartPolicy, Toleration};
use oomsim_core::node_api::Name;
use oomsim_core::plan::{Controller, Earlier, PodPlan, Recommender, VolumePlan};
use oomsim_core::units::{Quantity, SimTime};
use oomsim_core::workload::Behavior;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// Most pods that the tables of a scenario stand for, each as often as `replicas` says.
const MAX_PODS: usize = 200_000;

/// A pod that is being read, and where it (empty name) and its containers are.
#[derive(Clone)]
pub(crate) struct PodDraft {
    pub plan: PodPlan,
    pub places: Places,
    /// What its manifest asks for and the model does not have.
    pub absent: absent::Found,
}

/// The pods of manifests by file, and whether they may name their node.
pub(crate) type Manifests = RefCell<BTreeMap<(String, bool), Rc<Manifest>>>;

/// The pods of a manifest in their order, and where each name is.
pub(crate) struct Manifest {
    pods: Vec<PodDraft>,
    by_name: BTreeMap<Name, Vec<usize>>,
}

/// Reads all `[[pod]]`.
pub(crate) fn pods(cx: &Context<'_>, tables: &[Value], profile: &KubernetesProfile, disk: bool) -> Vec<PodDraft> {
    let mut pods: Vec<PodDraft> = Vec::new();
    let mut names = BTreeSet::new();
    let mut from_files = BTreeSet::new();
    let mut read = 0;
    for table in tables {
        let here = |pod: &PodDraft| pod.plan.node_name.as_deref().is_none_or(|name| name == cx.here.name);
        let drafts = pod(cx, table);
        read += drafts.len();
        if read > MAX_PODS {
            cx.problems.error(&table.at, format!("more than {MAX_PODS} pods"));
            break;
        }
        if table.get("manifest").is_some() {
            from_files.extend(drafts.iter().map(|draft| draft.plan.spec.name.clone()));
        }
        for mut draft in drafts.into_iter().filter(here) {
            let plan = &mut draft.plan;
            if !names.insert((plan.namespace.clone(), plan.spec.name.clone())) {
                let name = format!("{}/{}", plan.namespace, plan.spec.name);
                cx.problems.error(
                    &table.at,
                    format!("two pods are called `{name}`; use `replicas` for several identical pods"),
                );
            }
            plan.spec.set_defaults(profile);
            pods.push(draft);
        }
    }
    let unused = |setting: &&Override| setting.pod().is_some_and(|name| !from_files.contains(name));
    // Where a file could not be read, that is the problem.
    for setting in cx.of_manifests.iter().filter(unused).filter(|_| cx.problems.errors() == 0) {
        let in_tables = pods.iter().map(|pod| &*pod.plan.spec.name);
        setting.no_such_pod(cx.problems, from_files.iter().map(|name| &**name).chain(in_tables));
    }
    absent::report(cx.problems, &pods, disk);
    pods
}

/// One table: a pod, or all pods of a manifest.
fn pod(cx: &Context<'_>, value: &Value) -> Vec<PodDraft> {
    let Some(mut t) = TableReader::open(cx.problems, &tables::POD, value) else { return Vec::new() };
    let plans = match t.get("manifest") {
        Some(path) => from_manifest(cx, path, &mut t),
        None => {
            let name = t.required("name", dns_name).unwrap_or_default();
            let mut plan = PodPlan::default();
            plan.spec.name = name;
            vec![PodDraft { plan, places: Places::from([(String::new(), value.at.clone())]), absent: Vec::new() }]
        }
    };
    if plans.is_empty() {
        t.rest();
        return plans;
    }
    let plans = keys(cx, &mut t, plans);
    t.finish();
    if value.get("manifest").is_none() {
        return plans;
    }
    plans.into_iter().flat_map(|plan| with_settings(cx, value, plan)).collect()
}

/// A pod of a manifest with the settings that name it: they change it alone, and only what they name.
fn with_settings(cx: &Context<'_>, table: &Value, draft: PodDraft) -> Vec<PodDraft> {
    let spec = draft.plan.spec.clone();
    let own = cx.of_manifests.iter().filter(|setting| setting.pod() == Some(&*spec.name));
    let settings: Vec<&Override> = own.collect();
    if settings.is_empty() {
        return vec![draft];
    }
    let resources = |container: Option<&str>| {
        let given = match container {
            Some(name) => spec.all_containers().find(|c| *c.name == *name).map(|c| &c.resources),
            None => spec.resources.as_ref(),
        };
        given.map(|given| amounts(given, &table.at))
    };
    let mut own = Value { kind: ValueKind::Table(Vec::new()), at: table.at.clone() };
    settings.iter().for_each(|setting| setting.apply_to_pod(cx.problems, &mut own, table, &resources));
    let places = draft.places.clone();
    let Some(mut t) = TableReader::open(cx.problems, &tables::POD, &own) else { return vec![draft] };
    for entry in ["manifest", "name"].iter().filter_map(|key| t.entry(key)) {
        let message = format!("`{}` of a pod that comes from a manifest cannot be set by its name", entry.key);
        cx.problems.error(&entry.key_at, message);
    }
    let mut changed = keys(cx, &mut t, vec![draft]);
    t.finish();
    // A pod stands where its file has it, not where a setting changes it.
    changed.iter_mut().for_each(|pod| pod.places.clone_from(&places));
    changed
}

/// Requests and limits as a scenario writes them.
fn amounts(given: &ResourceRequirements, at: &Location) -> ValueKind {
    let entry = |key: &str, kind: ValueKind| {
        let value = Value { kind, at: at.clone() };
        Entry { key: key.into(), key_at: at.clone(), value }
    };
    let list = |list: &ResourceList| {
        let amount =
            |(resource, quantity): (&String, &Quantity)| entry(resource, ValueKind::Text(quantity.to_string()));
        ValueKind::Table(list.iter().map(amount).collect())
    };
    ValueKind::Table(vec![entry("requests", list(&given.requests)), entry("limits", list(&given.limits))])
}

/// The pods of a manifest; with `name` the one of that name, or the only one under a new name.
fn from_manifest(cx: &Context<'_>, path: &Value, t: &mut TableReader<'_>) -> Vec<PodDraft> {
    let has_node = t.get("nodeName").is_some();
    let Some(file) = text(cx.problems, path) else { return Vec::new() };
    let known = cx.manifests.borrow().get(&(file.clone(), has_node)).cloned();
    let manifest = known.unwrap_or_else(|| {
        let read = Rc::new(read_manifest(cx, &file, path, has_node));
        cx.manifests.borrow_mut().insert((file, has_node), Rc::clone(&read));
        read
    });
    let Some(entry) = t.entry("name") else { return manifest.pods.clone() };
    let Some(wanted) = dns_name(cx.problems, &entry.value) else { return Vec::new() };
    if let [only] = manifest.pods.as_slice() {
        let mut only = only.clone();
        only.plan.spec.name = wanted;
        return vec![only];
    }
    let Some(found) = manifest.by_name.get(&wanted) else {
        if !manifest.pods.is_empty() {
            let names = &mut manifest.by_name.keys().map(|name| &**name);
            let message = format!("the manifest has no pod `{wanted}`");
            cx.problems.wrong_name(&entry.value.at, message, &wanted, "it has", names);
        }
        return Vec::new();
    };
    found.iter().map(|&index| manifest.pods[index].clone()).collect()
}

fn read_manifest(cx: &Context<'_>, file: &str, path: &Value, has_node: bool) -> Manifest {
    // A node that the table names replaces that of the manifest, which may be of a cluster.
    let kinds = if has_node { &[] } else { cx.here.kinds };
    let pods = manifest(&Context { here: Here { kinds, ..cx.here }, ..*cx }, file, &path.at);
    let mut by_name: BTreeMap<Name, Vec<usize>> = BTreeMap::new();
    for (index, pod) in pods.iter().enumerate() {
        by_name.entry(pod.plan.spec.name.clone()).or_default().push(index);
    }
    Manifest { pods, by_name }
}

/// Reads the other keys; what is not given stays as it is.
fn keys(cx: &Context<'_>, t: &mut TableReader<'_>, mut plans: Vec<PodDraft>) -> Vec<PodDraft> {
    let controllers = [
        ("None", Controller::None),
        ("Deployment", Controller::Deployment),
        ("ReplicaSet", Controller::Deployment),
        ("StatefulSet", Controller::StatefulSet),
        ("DaemonSet", Controller::DaemonSet),
        ("Job", Controller::Job),
    ];
    let restarts =
        [("Always", RestartPolicy::Always), ("OnFailure", RestartPolicy::OnFailure), ("Never", RestartPolicy::Never)];
    let mut each = Each { t, plans: &mut plans };
    each.set("namespace", dns_name, |plan, v| {
        plan.spec.namespace = v.clone();
        plan.namespace = v;
    });
    each.set("nodeName", |p, v| cx.here.named(p, v), |plan, v| plan.node_name = Some(v));
    each.set("annotations", |p, v| text_map(p, "annotations", v), |plan, v| plan.spec.annotations = v);
    each.set("labels", |p, v| text_map(p, "labels", v).map(Arc::new), |plan, v| plan.labels = v);
    each.set("uid", name, |plan, v| plan.spec.uid = v);
    each.set("priority", integer(i32::MIN.into(), i32::MAX.into()), |plan, v| plan.spec.priority = Some(v));
    each.set("priorityClassName", text, |plan, v| plan.spec.priority_class_name = v);
    each.set("resources", resources, |plan, v| plan.spec.resources = Some(v));
    each.set("overhead", resource_list, |plan, v| plan.spec.overhead = Some(v));
    each.set("toleration", tables(toleration), |plan, v| plan.spec.tolerations = Arc::new(v));
    let grace = integer(0, 1 << 31);
    each.set("terminationGracePeriodSeconds", grace, |plan, v| plan.spec.termination_grace_period_seconds = Some(v));
    each.set("at", time, |plan, v| plan.at = v);
    each.set("atSpread", duration, |plan, v| plan.at_spread = v);
    each.set("admitted", boolean, |plan, v| plan.admitted = v);
    each.set("age", duration, |plan, age| plan.earlier = Some(Earlier { age, restarts: BTreeMap::new() }));
    each.set("restartCount", counts, |plan, v| {
        if let Some(earlier) = &mut plan.earlier {
            earlier.restarts = v;
        }
    });
    each.set("controller", one_of("controller", &controllers), |plan, v| plan.controller = v);
    each.set("recreateAfter", duration, |plan, v| plan.recreate_after = v);
    each.set("backoffLimit", integer(0, i64::from(u32::MAX)), |plan, v| plan.backoff_limit = v);
    each.set("replicas", integer(0, tables::MAX_REPLICAS), |plan, v| plan.replicas = v);
    each.set("restartPolicy", one_of("restartPolicy", &restarts), |plan, v| plan.restart_policy = v);
    each.set("recommender", recommender, |plan, v| plan.recommender = Some(v));
    each.set("volume", tables(volume), |plan, v| plan.volumes = v);
    each.set("housekeeping", instants, |plan, v| plan.housekeeping = v);
    each.set("restartJitterPermille", permilles, |plan, v| plan.restart_jitter_permille = v);
    containers(t, &mut plans);
    plans.iter_mut().for_each(|pod| init_containers_end(&mut pod.plan));
    plans
}

/// An init container of which nothing is said ends at once: the pod's containers wait for it.
fn init_containers_end(plan: &mut PodPlan) {
    let ending = plan.spec.init_containers.iter().filter(|init| !init.restarts_always());
    let ending: BTreeSet<Name> = ending.map(|init| init.name.clone()).collect();
    for container in plan.containers.iter_mut().filter(|container| ending.contains(&container.name)) {
        if let [only] = container.processes.as_mut_slice()
            && only.behavior.is_idle()
        {
            only.behavior = Arc::new(Behavior::ends_at_once());
        }
    }
}

struct Each<'r, 'a> {
    t: &'r mut TableReader<'a>,
    plans: &'r mut [PodDraft],
}

impl<'a> Each<'_, 'a> {
    /// Reads a key once and puts it into every plan.
    fn set<T: Clone>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&'a Problems, &'a Value) -> Option<T>,
        put: impl Fn(&mut PodPlan, T),
    ) {
        if let Some(value) = self.t.optional(key, parse) {
            self.plans.iter_mut().for_each(|pod| put(&mut pod.plan, value.clone()));
        }
    }
}

/// An array of tables.
fn tables<T>(one: fn(&Problems, &Value) -> Option<T>) -> impl Fn(&Problems, &Value) -> Option<Vec<T>> {
    move |p, value| match value.items() {
        Some(items) => Some(items.iter().filter_map(|item| one(p, item)).collect()),
        None => {
            p.expected(value, "an array of tables");
            None
        }
    }
}

/// Instants in any order.
pub(super) fn instants(p: &Problems, value: &Value) -> Option<Arc<[SimTime]>> {
    let Some(items) = value.items() else {
        p.expected(value, "an array of times such as `[\"12.5s\", \"31s\"]`");
        return None;
    };
    let mut instants = items.iter().map(|item| time(p, item)).collect::<Option<Vec<_>>>()?;
    instants.sort_unstable();
    Some(instants.into())
}

/// `{ app = 4 }`; a container that was not restarted need not be named.
fn counts(p: &Problems, value: &Value) -> Option<BTreeMap<Name, u32>> {
    let Some(entries) = value.entries() else {
        p.expected(value, "how often each container was restarted, such as `{ app = 4 }`");
        return None;
    };
    let count = |entry: &Entry| Some((Name::from(&*entry.key), integer(0, 1 << 31)(p, &entry.value)?));
    let counts = entries.iter().map(count).collect::<Option<BTreeMap<Name, u32>>>()?;
    Some(counts.into_iter().filter(|(_, count)| *count > 0).collect())
}

/// `[250, 1000]`.
fn permilles(p: &Problems, value: &Value) -> Option<Arc<[u16]>> {
    let Some(items) = value.items() else {
        p.expected(value, "an array of thousandths such as `[250, 1000]`");
        return None;
    };
    items.iter().map(|item| integer(0, 1000)(p, item)).collect()
}

fn toleration(p: &Problems, value: &Value) -> Option<Toleration> {
    let mut t = TableReader::open(p, &tables::TOLERATION, value)?;
    let operators = [("", ""), ("Equal", "Equal"), ("Exists", "Exists")];
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute", ""].map(|word| (word, word));
    let toleration = Toleration {
        key: t.or("key", String::new(), text),
        operator: t.or("operator", "", one_of("operator", &operators)).into(),
        value: t.or("value", String::new(), text),
        effect: t.or("effect", "", one_of("effect", &effects)).into(),
        toleration_seconds: t.optional("tolerationSeconds", integer(i64::MIN, i64::MAX)),
    };
    t.finish();
    Some(toleration)
}

fn recommender(p: &Problems, value: &Value) -> Option<Recommender> {
    let d = Recommender::default();
    let mut t = TableReader::open(p, &tables::RECOMMENDER, value)?;
    let recommender = Recommender {
        bump_percent: t.or("bumpPercent", d.bump_percent, integer(100, 1000)),
        least_bump: t.or("minBump", d.least_bump, bytes),
        max_allowed: t.optional("maxAllowed", bytes),
        after: t.or("after", d.after, duration),
    };
    t.finish();
    Some(recommender)
}

fn volume(p: &Problems, value: &Value) -> Option<VolumePlan> {
    let mut t = TableReader::open(p, &tables::VOLUME, value)?;
    let (name, size_limit) = (t.required("name", dns_name), t.optional("sizeLimit", bytes));
    t.finish();
    Some(VolumePlan { name: name?, size_limit })
}
