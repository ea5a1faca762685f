//! How long functions are.

use crate::Source;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its signature.
    pub line: usize,
    /// Lines from the signature to the closing brace, without doc comments.
    pub lines: usize,
}

/// Every function with a body.
pub fn functions(source: &Source) -> Vec<Function> {
    let mut list = List(Vec::new());
    list.visit_file(&source.syntax);
    list.0
}

struct List(Vec<Function>);

impl List {
    fn add(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let (first, last) = (signature.span().start().line, body.span().end().line);
        self.0.push(Function { name: signature.ident.to_string(), line: first, lines: last + 1 - first });
    }
}

impl<'a> Visit<'a> for List {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.add(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_the_signature_to_the_brace() {
        let text = "/// Doc.\n#[inline]\nfn one() {\n    two();\n}\n\nimpl X {\n    fn three() {}\n}\n";
        let found = functions(&Source::new("a/src/b.rs", text).unwrap());
        let of = |name: &str, line, lines| Function { name: name.into(), line, lines };
        assert_eq!(found, [of("one", 3, 3), of("three", 8, 1)]);
    }
}
