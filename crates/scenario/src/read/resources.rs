//! Amounts by resource name, as Kubernetes writes them.

use crate::diagnostic::Diagnostic;
use crate::reader::{Problems, TableReader};
use crate::scalar::bad_quantity;
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::kubelet::{ResourceList, ResourceRequirements};
use oomsim_core::units::Quantity;

/// `{ requests = { memory = "64Mi" }, limits = { memory = "1Gi" } }`.
pub(crate) fn resources(p: &Problems, value: &Value) -> Option<ResourceRequirements> {
    let mut t = TableReader::open(p, &tables::RESOURCES, value)?;
    let requests = t.or("requests", ResourceList::new(), resource_list);
    let limits = t.or("limits", ResourceList::new(), resource_list);
    t.finish();
    for (resource, request) in &requests {
        if let Some(limit) = limits.get(resource).filter(|limit| request > *limit) {
            p.error(&value.at, format!("the {resource} request ({request}) is larger than the limit ({limit})"));
        }
    }
    Some(ResourceRequirements { requests, limits })
}

/// Quantities by resource name.
pub(crate) fn resource_list(p: &Problems, value: &Value) -> Option<ResourceList> {
    let Some(entries) = value.entries() else {
        p.expected(value, "a table of quantities such as `{ memory = \"64Mi\" }`");
        return None;
    };
    let mut list = ResourceList::new();
    for entry in entries {
        let given = match &entry.value.kind {
            ValueKind::Int(n) => n.to_string(),
            ValueKind::Number(number) => number.clone(),
            ValueKind::Text(text) => text.clone(),
            _ => {
                p.expected(&entry.value, "a quantity such as \"64Mi\"");
                continue;
            }
        };
        match Quantity::parse(&given) {
            Ok(quantity) if quantity.sign() >= 0 => {
                list.insert(entry.key.clone(), quantity);
            }
            Ok(_) => p.error(&entry.value.at, format!("{given:?} is out of range: expected 0 or more")),
            Err(_) if entry.key == "cpu" => p.push(
                Diagnostic::error(&entry.value.at, format!("{given:?} is not an amount of processor time"))
                    .help("a Kubernetes quantity: processors such as 2 or 0.5, or thousandths such as 500m"),
            ),
            Err(_) => bad_quantity(p, &entry.value, &given),
        }
        let known = ["memory", "cpu", "ephemeral-storage"].contains(&entry.key.as_str());
        if !known && !entry.key.contains('/') && !entry.key.starts_with("hugepages-") {
            p.unknown(&entry.key_at, "resource", &entry.key, ["memory", "cpu", "ephemeral-storage"]);
        }
    }
    Some(list)
}
