//! From the paths that a module names to the files that define what they name.

use super::graph::Graph;
use super::source::{Module, Use};

/// Imports that lead to each other without end are given up after so many steps.
const STEPS_MAX: u32 = 32;

/// The end of a path inside the crate.
#[derive(Clone, Copy, PartialEq)]
enum Target {
    /// A module itself.
    Module(usize),
    /// An item, or a part of one, that this module defines.
    ItemOf(usize),
}

/// Returns the graph of the modules' files.
pub(super) fn edges(modules: &[Module]) -> Graph {
    let mut graph = Graph::default();
    let names = Names(modules);
    for (index, module) in modules.iter().enumerate() {
        graph.add_node(&module.file);
        let imported = module.uses.iter().filter(|import| !import.re_export);
        let imported = imported.filter(|import| import.name.is_some()).map(|import| &import.path);
        for path in module.paths.iter().chain(imported) {
            if let Some(Target::ItemOf(owner)) = names.resolve(index, path, 0)
                && let Some(owner) = modules.get(owner)
            {
                graph.add(&module.file, &owner.file);
            }
        }
    }
    graph
}

struct Names<'a>(&'a [Module]);

impl Names<'_> {
    /// Returns the target of a path as this module means it; `None` if it leads out of the crate.
    fn resolve(&self, module: usize, path: &[String], steps: u32) -> Option<Target> {
        if steps > STEPS_MAX {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let mut target = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(module),
            "super" => Target::Module(self.0.get(module)?.parent?),
            name => self.lookup(module, name, steps)?,
        };
        for name in rest {
            let Target::Module(at) = target else { break };
            target = match name.as_str() {
                "super" => Target::Module(self.0.get(at)?.parent?),
                // Made by a macro, or from another crate: its place is here.
                name => self.lookup(at, name, steps).unwrap_or(Target::ItemOf(at)),
            };
        }
        Some(target)
    }

    /// Returns the target of one name in a module.
    fn lookup(&self, at: usize, name: &str, steps: u32) -> Option<Target> {
        let module = self.0.get(at)?;
        if let Some(child) = module.children.get(name) {
            return Some(Target::Module(*child));
        }
        if module.items.contains(name) {
            return Some(Target::ItemOf(at));
        }
        let named = |import: &&Use| import.name.as_deref() == Some(name);
        // An import such as `use tokio::time` doesn't name itself.
        let other = |import: &&Use| import.path.first().map(String::as_str) != Some(name);
        if let Some(import) = module.uses.iter().filter(other).find(named) {
            return self.resolve(at, &import.path, steps + 1);
        }
        let globs = module.uses.iter().filter(|import| import.name.is_none());
        globs.filter(other).find_map(|glob| {
            let Target::Module(from) = self.resolve(at, &glob.path, steps + 1)? else {
                return None;
            };
            if from == at { None } else { self.lookup(from, name, steps + 1) }
        })
    }
}
