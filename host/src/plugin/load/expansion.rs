//! The size of a component after its parts are put together, counted before that is done.
//!
//! A component may define a component once and instantiate it many times, and that one another. Put
//! together, each instance is there by itself: 269 bytes make a million. What they come to can be
//! counted from the sections alone, by multiplying.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Encoding, Instance, Parser, Payload,
};

/// The most core instances of a component. Python, the largest, has 25.
const CORE_INSTANCES_MAX: u64 = 1_000;
/// The most instances of components in it. Python has a dozen.
const INSTANCES_MAX: u64 = 1_000;
/// The most definitions, of types, functions, aliases and the like. Python has some thousands.
const DEFINITIONS_MAX: u64 = 100_000;
/// The most functions in all of its modules. Python has some tens of thousands.
const FUNCTIONS_MAX: u64 = 500_000;
/// The most components within each other. Toolchains make two or three.
const DEPTH_MAX: usize = 32;

/// The parts of a component after it is put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Expansion {
    /// Instances of modules.
    core_instances: u64,
    /// Instances of components.
    instances: u64,
    /// Types, functions, aliases, imports and exports.
    definitions: u64,
    /// Functions of its modules, each module counted once.
    functions: u64,
}

/// A reason not to put a component together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMuch {
    #[error("it comes to {}{unit} when it is put together, and may have {max}", at_least(*count))]
    Parts { count: u64, unit: &'static str, max: u64 },
    #[error("its components are nested more than {DEPTH_MAX} deep")]
    Nesting,
    #[error(
        "it instantiates a component that it is given, so its size can't be told before it is put together"
    )]
    Given,
}

/// A count as people read it: the largest stand for whatever is beyond them.
fn at_least(count: u64) -> String {
    if count == u64::MAX { "countless".to_owned() } else { count.to_string() }
}

/// A component that is being read.
#[derive(Default)]
struct Scope {
    /// Its index space of components: the size of each, unless it is given from outside.
    components: Vec<Option<Expansion>>,
    size: Expansion,
}

impl Expansion {
    /// Counts what a component comes to. Bytes that can't be read are counted as far as they can:
    /// the compiler says better what is wrong with them.
    ///
    /// # Errors
    /// What is too much.
    pub(crate) fn of(component: &[u8]) -> Result<Self, TooMuch> {
        // A module has no scope of its own.
        let mut scopes: Vec<Option<Scope>> = Vec::new();
        let mut whole = Self::default();
        for payload in Parser::new(0).parse_all(component) {
            let Ok(payload) = payload else { break };
            match payload {
                Payload::Version { encoding, .. } => {
                    if DEPTH_MAX < scopes.len() {
                        return Err(TooMuch::Nesting);
                    }
                    scopes.push((encoding == Encoding::Component).then(Scope::default));
                }
                Payload::CodeSectionStart { count, .. } => {
                    whole.functions = whole.functions.saturating_add(count.into());
                }
                Payload::End(_) => match (scopes.pop().flatten(), scopes.last_mut()) {
                    (Some(scope), Some(Some(parent))) => parent.components.push(Some(scope.size)),
                    (Some(scope), _) => whole.add(&scope.size),
                    (None, _) => {}
                },
                payload => {
                    let (inner, outer) = match scopes.split_last_mut() {
                        Some((Some(inner), outer)) => (inner, &*outer),
                        _ => continue,
                    };
                    inner.read(outer, payload)?;
                    inner.size.check()?;
                }
            }
        }
        // What was cut off was counted too.
        for scope in scopes.into_iter().flatten() {
            whole.add(&scope.size);
        }
        whole.check()?;
        Ok(whole)
    }

    /// Returns the counts, for the fuzzer.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn counts(&self) -> [u64; 4] {
        let Self { core_instances, instances, definitions, functions } = *self;
        [core_instances, instances, definitions, functions]
    }

    fn add(&mut self, other: &Self) {
        let Self { core_instances, instances, definitions, functions } = self;
        for (sum, more) in [
            (core_instances, other.core_instances),
            (instances, other.instances),
            (definitions, other.definitions),
            (functions, other.functions),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    fn check(&self) -> Result<(), TooMuch> {
        for (count, unit, max) in [
            (self.core_instances, " instances of modules", CORE_INSTANCES_MAX),
            (self.instances, " instances of components", INSTANCES_MAX),
            (self.definitions, " definitions", DEFINITIONS_MAX),
            (self.functions, " functions", FUNCTIONS_MAX),
        ] {
            if max < count {
                return Err(TooMuch::Parts { count, unit, max });
            }
        }
        Ok(())
    }
}

impl Scope {
    /// Counts one section.
    fn read(&mut self, outer: &[Option<Scope>], section: Payload<'_>) -> Result<(), TooMuch> {
        match section {
            Payload::InstanceSection(section) => {
                for instance in section.into_iter().flatten() {
                    match instance {
                        Instance::Instantiate { args, .. } => {
                            self.size.core_instances = self.size.core_instances.saturating_add(1);
                            self.define(args.len());
                        }
                        Instance::FromExports(exports) => self.define(exports.len()),
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.into_iter().flatten() {
                    match instance {
                        ComponentInstance::Instantiate { component_index, args } => {
                            self.define(args.len());
                            self.instantiate(component_index)?;
                        }
                        ComponentInstance::FromExports(exports) => self.define(exports.len()),
                    }
                    // A section may name the largest of components many times.
                    self.size.check()?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.into_iter().flatten() {
                    self.define(1);
                    match alias {
                        ComponentAlias::Outer {
                            kind: ComponentOuterAliasKind::Component,
                            count,
                            index,
                        } => {
                            let aliased = self.outer(outer, count, index);
                            self.components.push(aliased);
                        }
                        ComponentAlias::InstanceExport {
                            kind: ComponentExternalKind::Component,
                            ..
                        } => self.components.push(None),
                        _ => {}
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.into_iter().flatten() {
                    self.define(1);
                    if matches!(import.ty, ComponentTypeRef::Component(_)) {
                        self.components.push(None);
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.into_iter().flatten() {
                    self.define(1);
                    if export.kind == ComponentExternalKind::Component {
                        let exported = self.component(export.index);
                        self.components.push(exported);
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => self.define(section.count() as usize),
            Payload::ComponentTypeSection(section) => self.define(section.count() as usize),
            Payload::CoreTypeSection(section) => self.define(section.count() as usize),
            _ => {}
        }
        Ok(())
    }

    fn define(&mut self, definitions: usize) {
        self.size.definitions = self.size.definitions.saturating_add(definitions as u64);
    }

    fn instantiate(&mut self, component: u32) -> Result<(), TooMuch> {
        let size = self.component(component).ok_or(TooMuch::Given)?;
        self.size.instances = self.size.instances.saturating_add(1);
        self.size.add(&size);
        Ok(())
    }

    fn component(&self, index: u32) -> Option<Expansion> {
        self.components.get(index as usize).copied().flatten()
    }

    /// Returns the component that an alias names, so many components further out.
    fn outer(&self, outer: &[Option<Scope>], count: u32, index: u32) -> Option<Expansion> {
        match (count as usize).checked_sub(1) {
            None => self.component(index),
            Some(up) => outer.iter().rev().nth(up)?.as_ref()?.component(index),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Result<Expansion, TooMuch> {
        Expansion::of(&wat::parse_str(text).unwrap())
    }

    /// Components within each other, each made `width` times by the one around it, around a module.
    fn nested(width: usize, depth: usize) -> String {
        let mut text = "(core module $m) (core instance (instantiate $m))".to_owned();
        for _ in 0..depth {
            let instances = "(instance (instantiate $c))".repeat(width);
            text = format!("(component $c {text}) {instances}");
        }
        format!("(component {text})")
    }

    #[test]
    fn what_269_bytes_come_to_is_counted_and_not_made() {
        for (width, depth) in [(10, 6), (10, 10), (2, 20), (2, 31), (100, 3)] {
            let refused = of(&nested(width, depth)).unwrap_err();
            assert!(matches!(refused, TooMuch::Parts { .. }), "{width}, {depth}: {refused}");
            assert!(refused.to_string().contains("when it is put together"), "{refused}");
        }
        assert_eq!(of(&nested(1, 40)), Err(TooMuch::Nesting));
    }

    proptest! {
        #[test]
        fn each_instance_counts_as_often_as_it_is_made(width in 0usize..4, depth in 0usize..5) {
            let size = of(&nested(width, depth)).unwrap();
            let (width, depth) = (width as u64, u32::try_from(depth).unwrap());
            prop_assert_eq!(size.core_instances, width.pow(depth));
            prop_assert_eq!(size.instances, (1..=depth).map(|level| width.pow(level)).sum::<u64>());
        }

        #[test]
        fn any_bytes_are_counted_without_a_crash(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = [b"\0asm\x0d\0\x01\0", &bytes[..]].concat();
            let _ = Expansion::of(&bytes);
        }
    }

    #[test]
    fn components_are_followed_through_aliases_and_exports() {
        let size = of(r#"(component
            (component $a (core module $m) (core instance (instantiate $m)))
            (component $b (alias outer 1 $a (component $c)) (instance (instantiate $c)) (instance (instantiate $c)))
            (export $d "d" (component $b))
            (instance (instantiate $d)))"#);
        let size = size.unwrap();
        assert_eq!((size.core_instances, size.instances), (2, 3));
    }

    #[test]
    fn a_component_that_comes_from_outside_is_not_instantiated() {
        let given = r#"(component (import "c" (component $c)) (instance (instantiate $c)))"#;
        assert_eq!(of(given), Err(TooMuch::Given));
        let passed_on = r#"(component (import "c" (component $c)) (export "d" (component $c)))"#;
        assert!(of(passed_on).is_ok());
    }
}
