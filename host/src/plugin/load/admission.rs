//! Admission: the one way by which bytes become a provider, for the server and for `arete plugin
//! check`. Read, look at, compile, link, really instantiate and ask to describe itself. What passes
//! here can be called: a component whose records differ from the contract's, for one, is only found
//! out when it is instantiated.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::sync::OwnedMutexGuard;

use super::code_cache::{CodeSource, Turn};
use super::compiler::{CompileError, Lane};
use super::inspect::ComponentShape;
use super::loaded_components::{CodeOrigin, Compiled, LoadedComponent};
use crate::config::base_url;
use crate::digest::Sha256Digest;
use crate::egress::{self, Tls};
use crate::plugin::bounds::COMPONENT_BYTES_MAX;
use crate::plugin::bundled;
use crate::plugin::call::Provider;
use crate::plugin::definition::{Definition, Source};
use crate::plugin::runtime::Runtime;

async fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let unreadable = || format!("{name} can't be read");
    // Opening what isn't a file, a pipe for one, could wait without end.
    let metadata = tokio::fs::metadata(path).await.with_context(unreadable)?;
    ensure!(metadata.is_file(), "{name} is no file");
    let file = tokio::fs::File::open(path).await.with_context(unreadable)?;
    let too_large = || {
        anyhow!(
            "{name} is larger than {} MiB, and no component has to be",
            COMPONENT_BYTES_MAX >> 20
        )
    };
    ensure!(metadata.len() <= COMPONENT_BYTES_MAX, too_large());
    // As large as the file says: growing would touch twice as much memory.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len() + 1).unwrap_or_default());
    file.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes).await.with_context(unreadable)?;
    ensure!(bytes.len() as u64 <= COMPONENT_BYTES_MAX, too_large());
    Ok(bytes)
}

/// The outcome of an admission, and what was learnt on the way.
pub(in crate::plugin) struct Admission {
    /// The component's size in bytes and its digest, if it could be read.
    pub(in crate::plugin) read: Option<(usize, Sha256Digest)>,
    /// The component's shape, if it is a component at all.
    pub(in crate::plugin) shape: Option<ComponentShape>,
    /// The origin of its machine code, if it got that far.
    pub(in crate::plugin) code: Option<CodeOrigin>,
    /// Notes for an operator, although the provider can be called.
    pub(in crate::plugin) advice: Vec<String>,
    /// The provider, or why there is none.
    pub(in crate::plugin) outcome: anyhow::Result<Arc<Provider>>,
}

/// Makes a provider of a definition.
pub(in crate::plugin) async fn admit(
    runtime: &Runtime,
    tls: &Tls,
    definition: Definition,
) -> Admission {
    let mut admission = Admission {
        read: None,
        shape: None,
        code: None,
        advice: vec![],
        outcome: Err(anyhow!("not tried")),
    };
    admission.outcome = attempt(runtime, tls, Arc::new(definition), &mut admission).await;
    admission
}

async fn attempt(
    runtime: &Runtime,
    tls: &Tls,
    definition: Arc<Definition>,
    admission: &mut Admission,
) -> anyhow::Result<Arc<Provider>> {
    let (mut lane, mut turn) = (Lane::Short, None);
    let (digest, component) = loop {
        match load(runtime, &definition, admission, lane, turn.take()).await? {
            Load::Loaded(digest, component) => break (digest, component),
            // The other is as far as it can be: it's loaded, or was refused. The turn is kept until
            // this one is, too: two that let it go would each find that the other has it, for ever.
            Load::AfterOther(of, others) => turn = Some((of, others.lock_owned().await)),
            Load::InLongLane => lane = Lane::Long,
        }
    };
    admission.advice = advice(&definition, &component.shape);
    component.shape.check_limits(&definition.limits)?;
    let (engine, idle_budget) = (&runtime.engine, &runtime.idle_budget);
    let calls = definition.limits.reserved_calls();
    let share = engine.room().reserve(component.shape.pool_parts(), calls)?;
    let mut provider =
        Provider::new(engine, idle_budget, tls, definition, digest, component.linked, share)?;
    provider.introduce(provider.describe().await?);
    Ok(Arc::new(provider))
}

/// The turn of the component with this SHA-256, while it is had.
type HeldTurn = (Sha256Digest, OwnedMutexGuard<()>);

/// The outcome of an attempt to load a component. One that has to wait holds no place meanwhile.
enum Load {
    /// The component, and the SHA-256 of its bytes.
    Loaded(Sha256Digest, LoadedComponent),
    /// The same component is being loaded for another provider.
    AfterOther(Sha256Digest, Turn),
    /// Compiling it takes longer than a turn.
    InLongLane,
}

/// Reads a component, and makes it ready to be instantiated.
async fn load(
    runtime: &Runtime,
    definition: &Definition,
    admission: &mut Admission,
    lane: Lane,
    held: Option<HeldTurn>,
) -> anyhow::Result<Load> {
    let mut place = runtime.lanes.enter(lane).await;
    // What is read now is what is admitted, whatever the file becomes.
    let bytes = match &definition.component {
        Source::Bundled(name) => Bytes::from_static(
            bundled::component(name).with_context(|| format!("no component {name} is bundled"))?,
        ),
        Source::File(path) => Bytes::from(read(path).await?),
    };
    let digest = Sha256Digest::of(&bytes);
    admission.read = Some((bytes.len(), digest));
    if let Some(pin) = definition.pin {
        ensure!(
            pin == digest,
            "the component isn't the one that was pinned: its sha256 is {digest}, and the file of the provider says {pin}"
        );
    }

    let held = held.filter(|(of, _)| *of == digest).map(|(_, turn)| turn);
    let turn = runtime.code_cache.turn(&digest);
    let Some(_turn) = held.or_else(|| turn.clone().try_lock_owned().ok()) else {
        return Ok(Load::AfterOther(digest, turn));
    };
    if let Some(component) = runtime.loaded.get(&digest) {
        admission.code = Some(CodeOrigin { source: CodeSource::Shared, took: Duration::ZERO });
        admission.shape = Some(component.shape.clone());
        return Ok(Load::Loaded(digest, component));
    }
    let (engine, cache) = (&runtime.engine, &runtime.code_cache);
    let compiled = match Compiled::new(engine, cache, &bytes, &digest, &mut place).await {
        Err(problem) if matches!(problem.downcast_ref(), Some(CompileError::Overlong)) => {
            return Ok(Load::InLongLane);
        }
        compiled => compiled?,
    };
    let Compiled { shape, linked, code } = compiled;
    admission.code = Some(code);
    admission.shape = Some(shape.clone());
    let component = LoadedComponent { shape, linked: linked? };
    runtime.loaded.put(digest, &component);
    Ok(Load::Loaded(digest, component))
}

/// Returns true if what the operator granted is likely to be enough.
fn advice(definition: &Definition, shape: &ComponentShape) -> Vec<String> {
    let mut advice = Vec::new();
    let id = &definition.id;
    if shape.wants_network() && definition.grants.is_empty() && definition.missing.is_none() {
        advice.push(format!(
            "it can use the network and is granted no origin; {id}.toml would grant one:\n[[outbound]]\norigin = \
             \"https://…\""
        ));
    }
    for grant in definition.grants.iter().filter(|grant| grant.sends_in_clear()) {
        let origin = grant.origin.ascii_serialization();
        advice.push(format!(
            "its headers go to {origin} unencrypted, and everybody on the way can read them; use https://, or set private = \
             true in {id}.toml if the name is one of your own network"
        ));
    }
    for (key, value) in &definition.config {
        let Ok(url) = base_url(value) else { continue };
        let origin = url.origin();
        if definition.missing.is_none()
            && definition.grants.iter().all(|grant| grant.origin != origin)
        {
            let origin = origin.ascii_serialization();
            advice.push(format!(
                "its setting {key} names {origin}, which it is not granted; {id}.toml would grant \
                 it:\n[[outbound]]\norigin = \"{origin}\""
            ));
        }
    }
    advice.extend(definition.grants.iter().flat_map(egress::advice));
    advice
}

#[cfg(test)]
mod tests;
