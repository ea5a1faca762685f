//! Habits that the house does not have.

use crate::Source;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// What must not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// `parse(…).unwrap_or_default()`: what cannot be read silently becomes nothing.
    ParseOrDefault,
    /// `todo!`, `unimplemented!`, `dbg!`.
    Unfinished,
    /// `#[ignore]`: a test that does not run.
    IgnoredTest,
    /// A type that derives `Hash` and holds a `usize`: its digest depends on the width of pointers.
    HashedUsize,
}

/// Habits with their lines.
pub type Habits = Vec<(Habit, usize)>;

/// What a file has of them.
pub fn habits(source: &Source) -> Habits {
    let mut found = Found(Vec::new());
    found.visit_file(&source.syntax);
    found.0
}

struct Found(Habits);

impl Found {
    fn add(&mut self, habit: Habit, at: &impl Spanned) {
        self.0.push((habit, at.span().start().line));
    }

    fn hashed(&mut self, attributes: &[syn::Attribute], fields: &[&syn::Type]) {
        if derives_hash(attributes) {
            for field in fields {
                if names(field, &["usize", "isize"]) {
                    self.add(Habit::HashedUsize, field);
                }
            }
        }
    }
}

fn derives_hash(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("derive")).any(|attribute| {
        let mut found = false;
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.segments.last().is_some_and(|part| part.ident == "Hash");
            Ok(())
        });
        found
    })
}

/// Whether a type is or contains one of these.
fn names(ty: &syn::Type, wanted: &[&str]) -> bool {
    struct Search<'a>(&'a [&'a str], bool);
    impl<'a> Visit<'a> for Search<'_> {
        fn visit_ident(&mut self, ident: &'a syn::Ident) {
            self.1 |= self.0.iter().any(|name| ident == name);
        }
    }
    let mut search = Search(wanted, false);
    search.visit_type(ty);
    search.1
}

/// Whether a call in the chain of methods that ends here reads a text.
fn reads(expression: &syn::Expr) -> bool {
    let is_reader = |name: &str| name == "parse" || name.starts_with("parse_") || name == "from_str";
    match expression {
        syn::Expr::MethodCall(call) => is_reader(&call.method.to_string()) || reads(&call.receiver),
        syn::Expr::Call(call) => match &*call.func {
            syn::Expr::Path(path) => path.path.segments.last().is_some_and(|part| is_reader(&part.ident.to_string())),
            _ => false,
        },
        syn::Expr::Try(inner) => reads(&inner.expr),
        syn::Expr::Paren(inner) => reads(&inner.expr),
        _ => false,
    }
}

impl<'a> Visit<'a> for Found {
    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        if call.method == "unwrap_or_default" && reads(&call.receiver) {
            self.add(Habit::ParseOrDefault, &call.method);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, mac: &'a syn::Macro) {
        let name = mac.path.segments.last().map(|part| part.ident.to_string());
        if matches!(name.as_deref(), Some("todo" | "unimplemented" | "dbg")) {
            self.add(Habit::Unfinished, mac);
        }
        visit::visit_macro(self, mac);
    }

    fn visit_attribute(&mut self, attribute: &'a syn::Attribute) {
        if attribute.path().is_ident("ignore") {
            self.add(Habit::IgnoredTest, attribute);
        }
    }

    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.hashed(&item.attrs, &item.fields.iter().map(|field| &field.ty).collect::<Vec<_>>());
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        let fields = item.variants.iter().flat_map(|variant| &variant.fields).map(|field| &field.ty);
        self.hashed(&item.attrs, &fields.collect::<Vec<_>>());
        visit::visit_item_enum(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Habits {
        habits(&Source::new("x/src/a.rs", text).unwrap())
    }

    #[test]
    fn a_parse_that_falls_back_on_nothing_is_found_whatever_is_between() {
        let text = "fn f() {\n    t.parse::<u64>().ok().map(g).unwrap_or_default();\n\
                    \x20   parse_size(t)?.unwrap_or_default();\n    t.get(1).unwrap_or_default();\n}";
        assert_eq!(found(text), [(Habit::ParseOrDefault, 2), (Habit::ParseOrDefault, 3)]);
    }

    #[test]
    fn what_is_unfinished_or_ignored_is_found() {
        let text = "fn f() { todo!() }\n#[test]\n#[ignore = \"slow\"]\nfn g() {}\n";
        assert_eq!(found(text), [(Habit::Unfinished, 1), (Habit::IgnoredTest, 3)]);
    }

    #[test]
    fn a_width_of_pointers_in_what_is_hashed_is_found() {
        let text = "#[derive(Clone, Hash)]\nstruct A {\n    killed: SmallVec<[usize; 1]>,\n}\n\
                    #[derive(Hash)]\nenum B { C { n: usize }, D(u32) }\nstruct E(usize);\n";
        assert_eq!(found(text), [(Habit::HashedUsize, 3), (Habit::HashedUsize, 6)]);
    }
}
