//! Settings for many pods (`pod.*.…`, `pod."namespace=shop".…`), and multiples of what there is (`×1.5`).

use super::current::amount_at;
use super::diagnostic::Diagnostic;
use super::loaded::LoadedScenario;
use super::overrides::split;
use super::reader::Problems;
use super::source::{Location, Source};
use super::toml_value::parse_keys;
use oomsim_core::kubelet::QosClass;
use oomsim_core::plan::{PodPlan, Scenario};
use oomsim_core::units::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Settings in which every pod and every amount is named: those that need it are understood by the scenario that
/// `base` reads with the settings before them. What is wrong is reported; then there is nothing.
pub(crate) fn expand(
    p: &Problems,
    overrides: &[String],
    base: impl Fn(&[String]) -> Option<Vec<LoadedScenario>>,
) -> Option<Vec<String>> {
    let mut done: Vec<String> = Vec::new();
    for text in overrides {
        match Open::of(text) {
            None => done.push(text.clone()),
            Some(open) => {
                // What is wrong with the scenario itself is reported when it is read with all settings.
                let Some(kinds) = base(&done) else {
                    done.push(text.clone());
                    continue;
                };
                done.extend(open.settings(p, text, &kinds)?);
            }
        }
    }
    Some(done)
}

/// A setting that names several pods, or a multiple.
struct Open {
    steps: Vec<String>,
    value: String,
    /// The multiple.
    factor: Option<f64>,
}

/// A selector: a name with `*`, or terms such as `namespace=shop`.
fn is_selector(step: &str) -> bool {
    step.contains(['*', '='])
}

/// Whether a path of a pod names its containers by a pattern.
fn any_container(steps: &[String]) -> bool {
    steps.get(2).is_some_and(|step| step == "container") && steps.get(3).is_some_and(|step| step.contains('*'))
}

/// Whether a name fits a pattern, in which each `*` stands for any characters.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Whether a text is a path of keys as settings take it, with `*` for several pods and containers.
pub fn is_path(text: &str) -> bool {
    let source = Arc::new(Source::new("key", text));
    parse_keys(&source, &stars_quoted(text)).is_some()
}

/// A path whose steps with `*` are in quotes: TOML has no such bare keys.
fn stars_quoted(keys: &str) -> String {
    let mut quote = None;
    let steps = keys.split(|c| {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        c == '.' && quote.is_none()
    });
    let step = |step: &str| match step.trim() {
        bare if bare.contains('*') && !bare.starts_with(['"', '\'']) => format!("\"{bare}\""),
        other => other.to_string(),
    };
    steps.map(step).collect::<Vec<_>>().join(".")
}

/// `×1.5`, also as `x1.5` and `*1.5`.
fn factor(value: &str) -> Option<f64> {
    let text = value.trim().trim_matches('"');
    let number = ['×', 'x', '*'].iter().find_map(|sign| text.strip_prefix(*sign))?;
    number.trim().parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor > 0.0)
}

impl Open {
    fn of(text: &str) -> Option<Self> {
        let (keys, value) = split(text)?;
        let factor = factor(value);
        // Most settings name one key of one pod: a study reads thousands of them.
        if factor.is_none() && !keys.contains(['*', '=']) {
            return None;
        }
        let keys = stars_quoted(keys);
        let source = Arc::new(Source::new("--set", keys.clone()));
        let steps: Vec<String> = parse_keys(&source, &keys)?.into_iter().map(|(step, _)| step).collect();
        let of_pod = steps.first().is_some_and(|first| first == "pod");
        let several = of_pod && (steps.get(1).is_some_and(|step| is_selector(step)) || any_container(&steps));
        (several || factor.is_some()).then(|| Open { steps, value: value.to_string(), factor })
    }

    fn settings(&self, p: &Problems, text: &str, kinds: &[LoadedScenario]) -> Option<Vec<String>> {
        let source = Arc::new(Source::new("--set", text));
        let at = Location::new(&source, 0..text.len());
        let paths: BTreeSet<Vec<String>> = kinds.iter().flat_map(|kind| self.paths(&kind.scenario)).collect();
        if paths.is_empty() {
            let selector = self.steps.get(1).map_or("", String::as_str);
            let help = "a selector is a name such as `web-*`, or terms such as `namespace=shop`, `qos=Burstable`, \
                        `priorityClass=gold`, `app=web`";
            p.push(Diagnostic::error(&at, format!("no pod fits `{selector}`")).help(help));
            return None;
        }
        let Some(factor) = self.factor else {
            return Some(paths.iter().map(|path| format!("{}={}", dotted(path), self.value)).collect());
        };
        let amount = |path: &Vec<String>| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            kinds.iter().find_map(|kind| amount_at(&kind.scenario, &path))
        };
        let multiple = |bytes: Bytes| (bytes.get() as f64 * factor / 1024.0).round() as u64;
        // Containers without the value have nothing to multiply.
        let all = paths.iter().filter_map(|path| Some(format!("{}={}Ki", dotted(path), multiple(amount(path)?))));
        let all: Vec<String> = all.collect();
        if all.is_empty() {
            let help = "amounts of `node.memory`, `kubelet.kubeReserved`, `systemReserved`, `evictionHard`, `evictionSoft` and \
                        of containers' `resources` can be multiplied";
            p.push(Diagnostic::error(&at, "there is no amount here to multiply").help(help));
            return None;
        }
        Some(all)
    }

    /// The paths of a kind of node, with every pod and container by name.
    fn paths(&self, scenario: &Scenario) -> Vec<Vec<String>> {
        let Some(selector) = self.steps.get(1).filter(|_| self.steps[0] == "pod") else {
            return vec![self.steps.clone()];
        };
        let mut paths = Vec::new();
        for pod in scenario.pods.iter().filter(|pod| selected(selector, pod, scenario)) {
            let mut path = self.steps.clone();
            path[1] = pod.spec.name.to_string();
            if !any_container(&path) {
                paths.push(path);
                continue;
            }
            for container in pod.spec.containers.iter().filter(|container| fits(&self.steps[3], &container.name)) {
                path[3] = container.name.to_string();
                paths.push(path.clone());
            }
        }
        paths
    }
}

/// Whether a pod fits a selector: all of its terms, in which `*` stands for any characters.
pub fn selected(selector: &str, pod: &PodPlan, scenario: &Scenario) -> bool {
    let term = |term: &str| match term.trim().split_once('=') {
        None => fits(term.trim(), &pod.spec.name),
        Some(("namespace", name)) => fits(name, &pod.namespace),
        Some(("name", name)) => fits(name, &pod.spec.name),
        Some(("priorityClass", name)) => fits(name, &pod.spec.priority_class_name),
        Some(("qos", class)) => {
            scenario.kubelet.as_ref().is_some_and(|k| QosClass::of(&pod.spec, &k.profile).as_str() == class)
        }
        Some((label, value)) => pod.labels.get(label).is_some_and(|given| fits(value, given)),
    };
    selector.split(',').all(term)
}

/// A path as TOML writes it.
fn dotted(path: &[String]) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let step = |step: &String| {
        if !step.is_empty() && step.chars().all(bare) { step.clone() } else { format!("{step:?}") }
    };
    path.iter().map(step).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoFiles, load};

    const PODS: &str = r#"
[node]
memory = "16Gi"
[kubelet]
kubeReserved = { memory = "1Gi" }
[[pod]]
name = "web"
namespace = "shop"
labels = { "app.kubernetes.io/name" = "web" }
[[pod.container]]
name = "app"
resources = { requests = { memory = "100Mi" }, limits = { memory = "200Mi" } }
workload.steady = { anon = "10Mi" }
[[pod.container]]
name = "proxy"
workload.steady = { anon = "10Mi" }
[[pod]]
name = "db.main"
namespace = "data"
[[pod.container]]
name = "app"
resources = { limits = { memory = "400Mi" } }
workload.steady = { anon = "10Mi" }
"#;

    fn limits(settings: &[&str]) -> Result<Vec<Option<u64>>, String> {
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        let loaded = load(PODS, "x.toml", &NoFiles, &settings);
        let loaded =
            loaded.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        let of = |pod: &str, container: &str| {
            let path = ["pod", pod, "container", container, "resources", "limits", "memory"];
            amount_at(&loaded.scenario, &path).map(|bytes| bytes.get() >> 20)
        };
        Ok(vec![of("web", "app"), of("web", "proxy"), of("db.main", "app")])
    }

    #[test]
    fn many_pods_and_multiples_by_hand() {
        for (settings, expected) in [
            (&["pod.*.container.*.resources.limits.memory=×1.5"][..], [Some(300), None, Some(600)]),
            (&["pod.*.container.*.resources.limits.memory=1Gi"], [Some(1024), Some(1024), Some(1024)]),
            (&["pod.\"namespace=shop\".container.app.resources.limits.memory=x2"], [Some(400), None, Some(400)]),
            (
                &["pod.\"namespace=data,qos=Burstable\".container.app.resources.limits.memory=50Mi"],
                [Some(200), None, Some(50)],
            ),
            (&["pod.w*.container.a*.resources.limits.memory=1Gi"], [Some(1024), None, Some(400)]),
            (
                &["pod.\"app.kubernetes.io/name=web\".container.app.resources.limits.memory=1Gi"],
                [Some(1024), None, Some(400)],
            ),
            // A multiple is one of what the settings before it leave.
            (
                &[
                    "pod.web.container.app.resources.limits.memory=300Mi",
                    "pod.web.container.app.resources.limits.memory=×2",
                ],
                [Some(600), None, Some(400)],
            ),
        ] {
            assert_eq!(limits(settings), Ok(expected.to_vec()), "{settings:?}");
        }
        let node = load(PODS, "x.toml", &NoFiles, &["node.memory=×0.5".into()]).expect("a scenario");
        assert_eq!(node.scenario.node.kernel.mem_total, Bytes::gib(8));
    }

    #[test]
    fn patterns_of_names() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("web", "web", true),
            ("web", "web-1", false),
            ("web-*", "web-1", true),
            ("*-1", "web-1", true),
            ("w*b*1", "web-1", true),
            ("w*x*1", "web-1", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_fits_nothing_is_said() {
        let no_pod = limits(&["pod.\"namespace=shpo\".container.*.resources.limits.memory=1Gi"]).expect_err("no pod");
        assert!(no_pod.contains("no pod fits `namespace=shpo`"), "{no_pod}");
        let nothing = limits(&["kubelet.evictionSoft.memory.available=×2"]).expect_err("no amount");
        assert!(nothing.contains("no amount here to multiply"), "{nothing}");
    }
}
