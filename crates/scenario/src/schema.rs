//! Tables as a JSON Schema (draft 2020-12), with which editors complete and check while one types.

use crate::tables::{Form, KeySpec, TableSpec, WhenAbsent};
use oomsim_core::kernel::SYSCTLS;
use serde_json::{Map, Value, json};

/// A Kubernetes quantity that is not negative.
const QUANTITY: &str = r"^\+?([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$";
/// A duration as Go writes it.
const DURATION: &str = "^(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|\u{b5}s|ms|s|m|h|d))+)$";
/// A share in percent.
const PERCENT: &str = r"^[0-9]+(\.[0-9])?0* *%$";

/// The JSON Schema of files whose root is this table; `title` says what they are.
pub fn json_schema(root: &'static TableSpec, title: &str) -> Value {
    let mut schema = Schema::default();
    let mut object = Map::new();
    object.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    object.insert("title".into(), title.into());
    object.extend(schema.object(root));
    object.insert("$defs".into(), schema.definitions.into());
    Value::Object(object)
}

/// Tables that are referred to, by name.
#[derive(Default)]
struct Schema {
    definitions: Map<String, Value>,
}

impl Schema {
    /// A reference to a table, which is defined the first time.
    fn reference(&mut self, table: &'static TableSpec) -> Value {
        if !self.definitions.contains_key(table.name) {
            // A place among the definitions, for tables that refer to each other.
            self.definitions.insert(table.name.into(), Value::Null);
            let object = self.object(table).into();
            self.definitions.insert(table.name.into(), object);
        }
        // `/` and `~` are the only characters that a pointer writes otherwise, and no table has them in its name.
        json!({ "$ref": format!("#/$defs/{}", percent_encoded(table.name)) })
    }

    fn object(&mut self, table: &'static TableSpec) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut required: Vec<&str> = table.required.to_vec();
        let mut dependent = Map::new();
        for key in table.keys() {
            properties.insert(key.name.into(), self.property(key));
            if key.default == WhenAbsent::Required && !required.contains(&key.name) {
                required.push(key.name);
            }
            if !key.with.is_empty() {
                dependent.insert(
                    key.name.into(),
                    json!({ "anyOf": key.with.iter().map(|k| needs(&[k])).collect::<Vec<_>>() }),
                );
            }
        }
        let mut object = Map::new();
        object.insert("type".into(), "object".into());
        object.insert("properties".into(), properties.into());
        object.insert("additionalProperties".into(), false.into());
        if !required.is_empty() {
            object.insert("required".into(), required.into());
        }
        if !dependent.is_empty() {
            object.insert("dependentSchemas".into(), dependent.into());
        }
        if !table.one_of.is_empty() {
            object.insert("oneOf".into(), table.one_of.iter().map(|key| needs(&[key])).collect());
        }
        if !table.any_of.is_empty() {
            object.insert("anyOf".into(), table.any_of.iter().map(|keys| needs(keys)).collect());
        }
        object
    }

    fn property(&mut self, key: &KeySpec) -> Value {
        let Value::Object(mut property) = self.form(key.form) else { return true.into() };
        let default = match key.default {
            WhenAbsent::Is(value) => format!(" (default: {value})"),
            WhenAbsent::Says(words) => format!(" (default: {})", words.replace('`', "")),
            WhenAbsent::Required | WhenAbsent::Absent => String::new(),
        };
        property.insert("description".into(), format!("{}{default}", key.doc.replace('`', "")).into());
        property.into()
    }

    fn form(&mut self, form: Form) -> Value {
        match form {
            Form::Text | Form::Path | Form::Pattern => json!({ "type": "string" }),
            Form::Name => json!({ "type": "string", "minLength": 1 }),
            Form::Version => json!({ "type": ["string", "number"] }),
            Form::Boolean => json!({ "type": "boolean" }),
            Form::True => json!({ "const": true }),
            Form::Integer { min: i64::MIN, max: i64::MAX } => json!({ "type": "integer" }),
            Form::Integer { min, max: i64::MAX } => json!({ "type": "integer", "minimum": min }),
            Form::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Form::Number => json!({ "type": "number" }),
            Form::Amount => {
                json!({ "anyOf": [{ "type": "string", "pattern": QUANTITY }, { "type": "integer", "minimum": 0 }] })
            }
            Form::Quantity => {
                json!({ "anyOf": [{ "type": "string", "pattern": QUANTITY }, { "type": "number", "minimum": 0 }] })
            }
            Form::Duration | Form::Time => {
                json!({ "anyOf": [{ "type": "string", "pattern": DURATION }, { "const": 0 }] })
            }
            Form::Share => {
                let number = json!({ "type": "number", "minimum": 0, "maximum": 1 });
                json!({ "anyOf": [{ "type": "string", "pattern": PERCENT }, number] })
            }
            Form::Words(words) => json!({ "enum": words }),
            Form::Names(names) => json!({ "enum": names() }),
            Form::Sysctls => sysctls(),
            Form::Table(table) => self.reference(table),
            Form::Tables(table) => json!({ "type": "array", "items": self.reference(table) }),
            Form::Map(of) => json!({ "type": "object", "additionalProperties": self.form(*of) }),
            Form::Array(of) => json!({ "type": "array", "items": self.form(*of) }),
            Form::Tuple(forms) => {
                // Not `prefixItems`, which editors with an older draft take for nothing or for an error.
                let items: Vec<Value> = forms.iter().map(|form| self.form(*form)).collect();
                let count = forms.len();
                json!({ "type": "array", "items": { "anyOf": items }, "minItems": count, "maxItems": count })
            }
            Form::OneOf(forms) => self.one_of(forms),
        }
    }

    /// One of several forms: by the type of the value where that tells them apart, so that what is wrong is found
    /// within it.
    fn one_of(&mut self, forms: &'static [Form]) -> Value {
        let told_apart = |form: &Form| match form {
            Form::Table(_) => Some("object"),
            Form::Tables(_) => Some("array"),
            _ => None,
        };
        let [others @ .., last] = forms else { return true.into() };
        match (others, told_apart(last)) {
            ([], _) => self.form(*last),
            (others, Some(kind)) if others.iter().all(|other| told_apart(other) != Some(kind)) => {
                json!({ "if": { "type": kind }, "then": self.form(*last), "else": self.one_of(others) })
            }
            _ => json!({ "anyOf": forms.iter().map(|form| self.form(*form)).collect::<Vec<_>>() }),
        }
    }
}

/// These keys are there.
fn needs(keys: &[&str]) -> Value {
    json!({ "required": keys })
}

/// `{ "vm.swappiness" = 60 }`, or the same as a table of tables.
fn sysctls() -> Value {
    let (mut flat, mut nested) = (Map::new(), Map::new());
    for (name, max) in SYSCTLS {
        let number = json!({ "type": "integer", "minimum": 0, "maximum": max });
        flat.insert((*name).into(), number.clone());
        let (folder, rest) = name.split_once('.').unwrap_or(("", name));
        let inner = nested.entry(folder).or_insert_with(|| json!({}));
        inner[rest] = number;
    }
    for (folder, properties) in nested {
        flat.insert(folder, json!({ "type": "object", "properties": properties, "additionalProperties": false }));
    }
    json!({ "type": "object", "properties": flat, "additionalProperties": false })
}

/// Brackets and blanks as a reference writes them.
fn percent_encoded(name: &str) -> String {
    name.replace('[', "%5B").replace(']', "%5D").replace(' ', "%20")
}
