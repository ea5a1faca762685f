//! Values and keys of TOML, in the forms that the reader takes.

use oomsim_core::kubelet::ResourceList;
use oomsim_core::node_api::Name;
use oomsim_core::record::expect::{Bounds, Pattern, Scalar};
use oomsim_core::units::{Bytes, SimDuration, SimTime, format_duration};
use std::collections::BTreeMap;
use toml_edit::{Array, InlineTable, Item, Table, Value};

/// Most characters of an array or table on one line.
const MAX_LINE: usize = 100;

/// A value as scenarios write it.
pub(super) trait Form {
    /// The TOML value.
    fn form(&self) -> Value;
}

macro_rules! as_integer {
    ($($t:ty),*) => {$(
        impl Form for $t {
            fn form(&self) -> Value {
                // No plan holds more than TOML's largest integer.
                i64::try_from(*self).unwrap_or(i64::MAX).into()
            }
        }
    )*};
}
as_integer!(i16, i32, i64, u8, u16, u32, u64, usize);

impl Form for bool {
    fn form(&self) -> Value {
        (*self).into()
    }
}

impl Form for f64 {
    fn form(&self) -> Value {
        (*self).into()
    }
}

impl Form for str {
    fn form(&self) -> Value {
        self.into()
    }
}

impl Form for &str {
    fn form(&self) -> Value {
        (*self).into()
    }
}

impl Form for String {
    fn form(&self) -> Value {
        self.as_str().into()
    }
}

impl Form for Name {
    fn form(&self) -> Value {
        (**self).into()
    }
}

impl Form for Pattern {
    fn form(&self) -> Value {
        self.0.as_str().into()
    }
}

impl Form for Bytes {
    /// `"750Mi"`, or a number of bytes that is no whole KiB.
    fn form(&self) -> Value {
        if *self != Bytes::ZERO && self.get().trailing_zeros() < 10 {
            return self.get().form();
        }
        self.to_string().into()
    }
}

impl Form for SimDuration {
    /// As Go writes it, without the zeros that it adds to whole minutes and hours.
    fn form(&self) -> Value {
        let text = format_duration(*self);
        let text = text.strip_suffix("m0s").map_or(text.clone(), |rest| format!("{rest}m"));
        text.strip_suffix("h0m").map_or(text.clone(), |rest| format!("{rest}h")).into()
    }
}

impl Form for SimTime {
    fn form(&self) -> Value {
        SimDuration::from_nanos(self.as_nanos()).form()
    }
}

impl Form for ResourceList {
    fn form(&self) -> Value {
        let mut keys = Keys::default();
        self.iter().for_each(|(name, quantity)| keys.put(name, &quantity.to_string()));
        keys.form()
    }
}

impl Form for BTreeMap<String, String> {
    fn form(&self) -> Value {
        let mut keys = Keys::default();
        self.iter().for_each(|(key, text)| keys.put(key, text));
        keys.form()
    }
}

impl Form for Scalar {
    fn form(&self) -> Value {
        match self {
            Scalar::Int(n) => (*n).into(),
            Scalar::Text(text) => text.into(),
            Scalar::Bool(b) => (*b).into(),
        }
    }
}

impl Form for Bounds {
    /// `3` or `{ min = 1, max = 3 }`.
    fn form(&self) -> Value {
        self.with(|n| (*n).into())
    }
}

/// A range of amounts of memory.
pub(super) struct Amounts(pub Bounds);

impl Form for Amounts {
    fn form(&self) -> Value {
        self.0.with(|bytes| signed_bytes(*bytes))
    }
}

trait With {
    fn with(&self, one: fn(&i64) -> Value) -> Value;
}

impl With for Bounds {
    fn with(&self, one: fn(&i64) -> Value) -> Value {
        match (self.min, self.max) {
            (Some(min), Some(max)) if min == max => one(&min),
            (min, max) => {
                let mut keys = Keys::default();
                for (key, bound) in [("min", min), ("max", max)] {
                    if let Some(bound) = bound {
                        keys.value(key, one(&bound));
                    }
                }
                keys.form()
            }
        }
    }
}

/// An amount that may be negative.
pub(super) fn signed_bytes(bytes: i64) -> Value {
    u64::try_from(bytes).map_or_else(|_| bytes.into(), |bytes| Bytes::new(bytes).form())
}

/// A share in parts per thousand: `"12.5%"`.
pub(super) struct Permille(pub u16);

impl Form for Permille {
    fn form(&self) -> Value {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => format!("{whole}%").into(),
            (whole, tenth) => format!("{whole}.{tenth}%").into(),
        }
    }
}

impl<T: Form> Form for [T] {
    fn form(&self) -> Value {
        list(self.iter().map(Form::form))
    }
}

impl<T: Form> Form for Vec<T> {
    fn form(&self) -> Value {
        self.as_slice().form()
    }
}

/// An array on one line, or with a line for each element.
pub(super) fn list(values: impl IntoIterator<Item = Value>) -> Value {
    let mut array: Array = values.into_iter().collect();
    if array.to_string().len() > MAX_LINE {
        array.iter_mut().for_each(|value| value.decor_mut().set_prefix("\n    "));
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    array.into()
}

/// Keys of one table, in the order in which they are written.
#[derive(Default)]
pub(super) struct Keys(InlineTable);

impl Keys {
    /// A key with its value.
    pub fn put(&mut self, key: &str, value: &(impl Form + ?Sized)) {
        self.value(key, value.form());
    }

    /// A key, unless it has its default.
    pub fn unless<T: Form + PartialEq + ?Sized>(&mut self, key: &str, value: &T, default: &T) {
        if value != default {
            self.put(key, value);
        }
    }

    /// A key that may be absent.
    pub fn some(&mut self, key: &str, value: Option<&(impl Form + ?Sized)>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// A key with a value that is TOML already.
    pub fn value(&mut self, key: &str, value: Value) {
        self.0.insert(key, value);
    }

    /// An inner table, unless it is empty.
    pub fn table(&mut self, key: &str, inner: Keys) {
        if !inner.is_empty() {
            self.value(key, inner.form());
        }
    }

    /// `key.inner = value`.
    pub fn dotted(&mut self, key: &str, inner: &str, value: Value) {
        let mut table = InlineTable::new();
        table.set_dotted(true);
        table.insert(inner, value);
        self.value(key, table.into());
    }

    /// No key was put.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A table of its own, with a heading.
    pub fn into_table(self) -> Table {
        self.0.into_table()
    }

    /// The same as an item.
    pub fn into_item(self) -> Item {
        Item::Table(self.into_table())
    }
}

impl Form for Keys {
    fn form(&self) -> Value {
        self.0.clone().into()
    }
}
