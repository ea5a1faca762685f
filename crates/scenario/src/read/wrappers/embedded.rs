//! Files within a document: those that a machine is given at its start, patches, user data.

use super::{Settings, given, of_documents, provider};
use crate::source::Source;
use crate::value::{Entry, Value, ValueKind};
use crate::yaml_value::parse_documents;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

/// A text in a document, and the name by which it is known there.
struct Embedded<'v> {
    name: String,
    /// As the document has it.
    value: &'v Value,
    encoding: Encoding,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Base64,
    /// `data:…`, RFC 2397.
    DataUrl,
}

/// The settings of each kubelet in the texts of a document.
pub(super) fn settings(document: &Value, kind: &str, deep: usize) -> Vec<Vec<Settings>> {
    match kind {
        // kind.x-k8s.io/v1alpha4: patches of all nodes, and of one.
        "Cluster" if given(document, &["nodes"]).is_some() || given(document, &["kubeadmConfigPatches"]).is_some() => {
            of_nodes(document, deep)
        }
        _ => {
            let mut found: Vec<Settings> = texts(document, kind).iter().flat_map(|text| of_text(text, deep)).collect();
            if found.iter().any(|part| matches!(part, Settings::Fields(_))) {
                found.iter_mut().for_each(without_config);
            }
            if found.is_empty() { Vec::new() } else { vec![found] }
        }
    }
}

/// `--config` in a unit names the file that stands beside it.
fn without_config(part: &mut Settings) {
    if let Settings::Flags(Value { kind: ValueKind::Array(words), .. }) = part {
        words.retain(|word| !word.as_text().is_some_and(|word| word.starts_with("--config=")));
    }
}

/// Each node of a kind cluster has the patches of the cluster and its own.
fn of_nodes(document: &Value, deep: usize) -> Vec<Vec<Settings>> {
    let patches = |value: &Value| {
        let list = given(value, &["kubeadmConfigPatches"]).and_then(Value::items).unwrap_or_default();
        list.iter().flat_map(|patch| of_text(&plain("kubeadmConfigPatches", patch), deep)).collect::<Vec<_>>()
    };
    let of_all = patches(document);
    let nodes = given(document, &["nodes"]).and_then(Value::items).unwrap_or_default();
    let each: Vec<_> = nodes.iter().map(patches).filter(|own| !own.is_empty()).collect();
    match each.is_empty() {
        true if of_all.is_empty() => Vec::new(),
        true => vec![of_all],
        false => each.into_iter().map(|own| [of_all.clone(), own].concat()).collect(),
    }
}

fn plain<'v>(name: &str, value: &'v Value) -> Embedded<'v> {
    Embedded { name: name.to_owned(), value, encoding: Encoding::Plain }
}

/// The texts that may have the kubelet's settings.
fn texts<'v>(document: &'v Value, kind: &str) -> Vec<Embedded<'v>> {
    let list = |path: &[&str]| given(document, path).and_then(Value::items).unwrap_or_default();
    let text = |path: &[&'static str]| given(document, path).map(|value| plain(path[path.len() - 1], value));
    match kind {
        // machineconfiguration.openshift.io/v1: the files and units of Ignition.
        "MachineConfig" => {
            let files = list(&["spec", "config", "storage", "files"]).iter().filter_map(file);
            files.chain(list(&["spec", "config", "systemd", "units"]).iter().flat_map(unit)).collect()
        }
        // kubeadm's kubelet-config and kubeadm-config.
        "ConfigMap" => {
            let entries = given(document, &["data"]).and_then(Value::entries).unwrap_or_default();
            entries.iter().map(|Entry { key, value, .. }| plain(key, value)).collect()
        }
        // Cluster API: files, such as kubeadm's patches of the KubeletConfiguration.
        "KubeadmConfig" => list(&["spec", "files"]).iter().filter_map(file).collect(),
        "KubeadmConfigTemplate" => list(&["spec", "template", "spec", "files"]).iter().filter_map(file).collect(),
        "KubeadmControlPlane" => list(&["spec", "kubeadmConfigSpec", "files"]).iter().filter_map(file).collect(),
        // User data of Karpenter's classes, AWSNodeTemplate among them.
        "EC2NodeClass" | "AWSNodeTemplate" => {
            text(&["spec", "userData"]).or_else(|| text(&["spec", "userdata"])).into_iter().collect()
        }
        "" => {
            // Ignition, Butane; cloud-init.
            let files = list(&["storage", "files"]).iter().chain(list(&["write_files"])).filter_map(file);
            let units = list(&["systemd", "units"]).iter().flat_map(unit);
            // `talosctl get machineconfig -o yaml`.
            let of_talos = given(document, &["metadata", "type"]).and_then(Value::as_text);
            let of_talos = of_talos.filter(|kind| kind.starts_with("MachineConfigs.")).and_then(|_| text(&["spec"]));
            files.chain(units).chain(of_talos).chain(of_ec2(document)).collect()
        }
        _ => Vec::new(),
    }
}

/// User data as `aws ec2 describe-instance-attribute` and `describe-launch-template-versions` print it.
fn of_ec2(document: &Value) -> Option<Embedded<'_>> {
    let versions = given(document, &["LaunchTemplateVersions"]).and_then(Value::items).unwrap_or_default();
    let of_template = versions.first().and_then(|version| given(version, &["LaunchTemplateData", "UserData"]));
    let value = given(document, &["UserData", "Value"]).or(of_template)?;
    Some(Embedded { name: "UserData".to_owned(), value, encoding: Encoding::Base64 })
}

/// The settings in a text that a document has under this name.
pub(super) fn of_plain(name: &str, value: &Value, deep: usize) -> Vec<Settings> {
    if deep == 0 { Vec::new() } else { of_text(&plain(name, value), deep - 1) }
}

/// A file of Ignition (`contents.source`), Butane (`contents.inline`) or cloud-init (`content`, `encoding`).
fn file(file: &Value) -> Option<Embedded<'_>> {
    let name = given(file, &["path"])?.as_text()?.to_owned();
    if let Some(value) = given(file, &["contents", "source"]) {
        return Some(Embedded { name, value, encoding: Encoding::DataUrl });
    }
    let value = given(file, &["contents", "inline"]).or_else(|| given(file, &["content"]))?;
    let coded = given(file, &["encoding"]).and_then(Value::as_text);
    let encoding = match coded {
        Some("b64" | "base64") => Encoding::Base64,
        _ => Encoding::Plain,
    };
    Some(Embedded { name, value, encoding })
}

/// A unit of systemd and its drop-ins.
fn unit(unit: &Value) -> Vec<Embedded<'_>> {
    let name = given(unit, &["name"]).and_then(Value::as_text).unwrap_or_default();
    let drop_ins = given(unit, &["dropins"]).and_then(Value::items).unwrap_or_default();
    let all = [unit].into_iter().chain(drop_ins);
    all.filter_map(|one| Some(plain(name, given(one, &["contents"])?))).collect()
}

fn of_text(embedded: &Embedded<'_>, deep: usize) -> Vec<Settings> {
    let Some(text) = decoded(embedded) else { return Vec::new() };
    if let Some(reserved) = node_sizing(embedded, &text) {
        return vec![reserved];
    }
    if !["kubelet", "Kubelet", "KUBELET", "settings.kubernetes"]
        .iter()
        .any(|name| text.contains(name) || embedded.name.contains(name))
    {
        return Vec::new();
    }
    let name = format!("{} ({})", embedded.value.at.source.name, embedded.name);
    let documents = parse_documents(&Arc::new(Source::new(name, text)));
    documents.map_or_else(|_| Vec::new(), |documents| of_documents(&documents, deep))
}

/// What OpenShift's nodes reserve without auto-sizing (machine-config-operator templates/common/_base/files).
fn node_sizing(embedded: &Embedded<'_>, text: &str) -> Option<Settings> {
    if !embedded.name.ends_with("node-sizing-enabled.env") {
        return None;
    }
    let value = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
    if value("NODE_SIZING_ENABLED") == Some("true") {
        return Some(provider("openshift", embedded.value));
    }
    let memory =
        Value { kind: ValueKind::Text(value("SYSTEM_RESERVED_MEMORY")?.to_owned()), at: embedded.value.at.clone() };
    let table = |key: &str, value: Value| Value {
        at: embedded.value.at.clone(),
        kind: ValueKind::Table(vec![Entry { key: key.to_owned(), key_at: embedded.value.at.clone(), value }]),
    };
    Some(Settings::Fields(table("systemReserved", table("memory", memory))))
}

fn decoded(embedded: &Embedded<'_>) -> Option<String> {
    let text = embedded.value.as_text()?;
    let base64 = |text: &str| {
        let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        STANDARD.decode(bare).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    };
    match embedded.encoding {
        Encoding::Plain => Some(text.to_owned()),
        Encoding::Base64 => base64(text),
        Encoding::DataUrl => {
            let (head, data) = text.strip_prefix("data:")?.split_once(',')?;
            if head.ends_with(";base64") { base64(data) } else { percent_decoded(data) }
        }
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                bytes.push((digit(rest.next())? * 16 + digit(rest.next())?) as u8);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}
