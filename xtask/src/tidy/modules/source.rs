//! The modules of a crate as its files declare them: children, items, imports, and the paths that
//! their code names.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Error, Result};
use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, Meta, UseTree, Visibility};

use super::super::file::File;

/// One module, of a file or inline.
pub(super) struct Module {
    /// The path of the file it stands in.
    pub(super) file: String,
    /// The index of the module around it.
    pub(super) parent: Option<usize>,
    /// The indices of the modules that it declares.
    pub(super) children: BTreeMap<String, usize>,
    /// The names of the items that it defines.
    pub(super) items: BTreeSet<String>,
    /// All names that it imports or re-exports, those inside functions included.
    pub(super) uses: Vec<Use>,
    /// Paths in its code.
    pub(super) paths: BTreeSet<Vec<String>>,
}

/// One name of a `use`, or all names of a module.
pub(super) struct Use {
    /// The name in this module; `None` is `*`.
    pub(super) name: Option<String>,
    /// The full path, without `*`.
    pub(super) path: Vec<String>,
    /// True if it has a visibility, and so passes the name on.
    pub(super) re_export: bool,
}

/// Reads the crate whose root module is this file. Files that aren't there are left out.
///
/// # Errors
/// A file can't be parsed.
pub(super) fn read(files: &[File], root: &str) -> Result<Vec<Module>> {
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut reader = Reader { files, modules: Vec::new(), problem: None };
    reader.file(root, folder, None);
    reader.problem.map_or(Ok(reader.modules), Err)
}

struct Reader<'a> {
    files: &'a [File],
    modules: Vec<Module>,
    problem: Option<Error>,
}

impl Reader<'_> {
    /// Reads a module's file, whose children's files lie in `folder`. Returns its index.
    fn file(&mut self, path: &str, folder: &str, parent: Option<usize>) -> Option<usize> {
        let file = self.files.iter().find(|file| file.path == path)?;
        match syn::parse_file(&file.text) {
            Ok(parsed) => Some(self.module(path, folder, parent, &parsed.items)),
            Err(error) => {
                self.problem.get_or_insert_with(|| {
                    Error::new(error).context(format!("{path}: can't be parsed"))
                });
                None
            }
        }
    }

    fn module(&mut self, file: &str, folder: &str, parent: Option<usize>, items: &[Item]) -> usize {
        let index = self.modules.len();
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            children: BTreeMap::new(),
            items: BTreeSet::new(),
            uses: Vec::new(),
            paths: BTreeSet::new(),
        });
        let mut code = Code::default();
        items.iter().for_each(|item| code.visit_item(item));
        for child in std::mem::take(&mut code.children) {
            let name = child.ident.to_string();
            let below = format!("{folder}/{name}");
            let child = match &child.content {
                Some((_, items)) => Some(self.module(file, &below, Some(index), items)),
                None => self
                    .file(&format!("{below}.rs"), &below, Some(index))
                    .or_else(|| self.file(&format!("{below}/mod.rs"), &below, Some(index))),
            };
            if let (Some(child), Some(module)) = (child, self.modules.get_mut(index)) {
                module.children.insert(name, child);
            }
        }
        if let Some(module) = self.modules.get_mut(index) {
            module.items = items.iter().filter_map(name).collect();
            module.uses = code.uses;
            module.paths = code.paths;
        }
        index
    }
}

/// The name of an item that isn't a test's, a module or an import.
fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Collects what the code of one module names.
#[derive(Default)]
struct Code<'a> {
    children: Vec<&'a ItemMod>,
    uses: Vec<Use>,
    paths: BTreeSet<Vec<String>>,
}

impl Code<'_> {
    fn import(&mut self, tree: &UseTree, before: &[String], re_export: bool) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            if name != "self" || path.is_empty() {
                path.push(name.to_string());
            }
            path
        };
        match tree {
            UseTree::Path(tree) => self.import(&tree.tree, &with(&tree.ident), re_export),
            UseTree::Name(tree) => {
                let path = with(&tree.ident);
                self.uses.push(Use { name: path.last().cloned(), path, re_export });
            }
            UseTree::Rename(tree) => {
                let name = Some(tree.rename.to_string());
                self.uses.push(Use { name, path: with(&tree.ident), re_export });
            }
            UseTree::Glob(_) => {
                self.uses.push(Use { name: None, path: before.to_vec(), re_export });
            }
            UseTree::Group(tree) => {
                tree.items.iter().for_each(|tree| self.import(tree, before, re_export));
            }
        }
    }

    /// Adds the paths among tokens that a macro or an attribute is given.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        // Of `::` before the next name; a name after `.` is a field or a method.
        let (mut colons, mut field) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.paths.extend(Some(std::mem::take(&mut path)));
                    }
                    if !field {
                        path.push(ident.to_string());
                    }
                    (colons, field) = (0, false);
                }
                TokenTree::Punct(punct)
                    if punct.as_char() == ':'
                        && (colons == 1 || punct.spacing() == Spacing::Joint) =>
                {
                    colons += 1;
                }
                other => {
                    self.paths.extend(Some(std::mem::take(&mut path)));
                    field = matches!(&other, TokenTree::Punct(punct) if punct.as_char() == '.');
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.paths.extend(Some(path));
    }
}

impl<'ast> Visit<'ast> for Code<'ast> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Const(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Macro(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            Item::Type(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !of_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.children.push(item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !of_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {
        // `pub(in crate::a)` needs nothing of `a`.
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}

/// Returns true for `#[cfg(test)]` and `#[cfg(all(test, …))]`.
fn of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string();
            let mut words = condition.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.any(|word| word == "test") && !condition.contains("not")
        }
        _ => false,
    })
}
