//! Files and what they depend on, and the circles among them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Edges by the file they start at. Every file is a key.
#[derive(Default)]
pub(in crate::tidy) struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    /// Adds a node.
    pub(in crate::tidy) fn add_node(&mut self, node: &str) {
        self.0.entry(node.to_owned()).or_default();
    }

    /// Adds an edge between two nodes; an edge of a node to itself is none.
    pub(in crate::tidy) fn add(&mut self, from: &str, to: &str) {
        if from != to {
            self.add_node(to);
            self.0.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
    }

    /// Returns all edges, sorted.
    pub(in crate::tidy) fn edges(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(from, to)| to.iter().map(|to| (from.as_str(), to.as_str())))
    }

    /// Returns all nodes, sorted.
    pub(in crate::tidy) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the shortest circle of each group of nodes that all lead to each other, its first
    /// node again at its end.
    pub(in crate::tidy) fn circles(&self) -> Vec<Vec<&str>> {
        let mut shortest: Vec<(BTreeSet<&str>, Vec<&str>)> = Vec::new();
        for (from, to) in self.edges() {
            let Some(back) = self.way(to, from) else { continue };
            let circle: Vec<_> = [from].into_iter().chain(back).collect();
            match shortest.iter_mut().find(|(group, _)| group.contains(from)) {
                Some((_, best)) if circle.len() < best.len() => *best = circle,
                Some(_) => {}
                None => shortest.push((self.group(from), circle)),
            }
        }
        shortest.into_iter().map(|(_, circle)| circle).collect()
    }

    /// Returns the nodes that this one leads to and that lead back to it; itself at least.
    pub(in crate::tidy) fn group(&self, node: &str) -> BTreeSet<&str> {
        self.nodes()
            .filter(|other| self.way(node, other).is_some() && self.way(other, node).is_some())
            .collect()
    }

    /// Returns the shortest way from one node to another, both included.
    fn way(&self, from: &str, to: &str) -> Option<Vec<&str>> {
        let (from, _) = self.0.get_key_value(from)?;
        let mut before: BTreeMap<&str, Option<&str>> = BTreeMap::from([(from.as_str(), None)]);
        let mut queue = VecDeque::from([from.as_str()]);
        while let Some(node) = queue.pop_front() {
            if node == to {
                let mut way = vec![node];
                let mut at = node;
                while let Some(Some(previous)) = before.get(at) {
                    way.push(previous);
                    at = previous;
                }
                way.reverse();
                return Some(way);
            }
            for next in self.0.get(node).into_iter().flatten() {
                if !before.contains_key(next.as_str()) {
                    before.insert(next, Some(node));
                    queue.push_back(next);
                }
            }
        }
        None
    }
}
