//! A deserializer over a [`Tree`] that notes what a type ignores.

use crate::{Finding, Node, Tree};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::cell::RefCell;
use std::fmt;

/// Checks a value against a type.
pub(crate) fn check_as<T: DeserializeOwned>(tree: &Tree<'_>) -> Vec<Finding> {
    let findings = RefCell::new(Vec::new());
    let result = T::deserialize(Typed { findings: &findings, tree });
    let mut findings = findings.into_inner();
    if let Err(error) = result {
        findings.push(Finding::Wrong(error.id.unwrap_or(tree.id), error.message));
    }
    findings
}

#[derive(Clone, Copy)]
struct Typed<'t> {
    findings: &'t RefCell<Vec<Finding>>,
    tree: &'t Tree<'t>,
}

#[derive(Debug)]
struct TypeError {
    message: String,
    id: Option<usize>,
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TypeError {}

impl de::Error for TypeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        TypeError { message: message.to_string(), id: None }
    }
}

impl<'t> Typed<'t> {
    fn inner(self, tree: &'t Tree<'t>) -> Self {
        Typed { tree, ..self }
    }

    /// The innermost place wins.
    fn placed<T>(self, result: Result<T, TypeError>) -> Result<T, TypeError> {
        result.map_err(|error| TypeError { id: error.id.or(Some(self.tree.id)), ..error })
    }
}

impl<'de> Deserializer<'de> for Typed<'_> {
    type Error = TypeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        let result = match &self.tree.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(b) => visitor.visit_bool(*b),
            Node::Int(n) => visitor.visit_i64(*n),
            Node::Float(n) => visitor.visit_f64(*n),
            Node::Text(text) => visitor.visit_str(text),
            Node::Array(items) => visitor.visit_seq(Seq { of: self, items: items.iter() }),
            Node::Table(entries) => visitor.visit_map(Map { of: self, entries: entries.iter(), current: None }),
        };
        self.placed(result)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        match self.tree.node {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        self.placed(visitor.visit_newtype_struct(self))
    }

    /// Only fields that the type does not have are ignored.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        self.findings.borrow_mut().push(Finding::UnknownField(self.tree.id));
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

struct Seq<'t> {
    of: Typed<'t>,
    items: std::slice::Iter<'t, Tree<'t>>,
}

impl<'de> de::SeqAccess<'de> for Seq<'_> {
    type Error = TypeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TypeError> {
        self.items.next().map(|item| seed.deserialize(self.of.inner(item))).transpose()
    }
}

struct Map<'t> {
    of: Typed<'t>,
    entries: std::slice::Iter<'t, (&'t str, Tree<'t>)>,
    current: Option<&'t Tree<'t>>,
}

impl<'de> de::MapAccess<'de> for Map<'_> {
    type Error = TypeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, TypeError> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.current = Some(value);
        seed.deserialize(de::value::StrDeserializer::<TypeError>::new(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, TypeError> {
        match self.current.take() {
            Some(value) => seed.deserialize(self.of.inner(value)),
            None => Err(de::Error::custom("a value without a key")),
        }
    }
}
