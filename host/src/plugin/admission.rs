//! Admission: the one way by which bytes become a provider, for the server and for `arete plugin check`. Read, look at,
//! compile, link, really instantiate and ask to describe itself. What passes here can be called: a component whose
//! records differ from the contract's, for one, is only found out when it is instantiated.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use tokio::io::AsyncReadExt;
use wasmtime::component::{Component, HasSelf, Linker};

use super::bindings;
use super::bundled;
use super::definition::{Definition, Sha256Digest, Source};
use super::engine::Runtime;
use super::inspect::{self, Anatomy};
use super::provider::Provider;
use super::state::CallState;
use crate::config::base_url;

/// The largest component. StarlingMonkey and Python make some of 12 to 22 MiB.
const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// A definition with the bytes of its component: what was read is what is admitted, whatever the file becomes.
pub(super) struct Candidate {
    /// What the operator wants.
    pub(super) definition: Arc<Definition>,
    /// Of the component.
    pub(super) digest: Sha256Digest,
    bytes: Cow<'static, [u8]>,
}

impl Candidate {
    /// Reads the component, and holds it against its pin.
    ///
    /// # Errors
    /// What is wrong with the file, for its operator.
    pub(super) async fn read(definition: Arc<Definition>) -> anyhow::Result<Self> {
        let bytes = match &definition.component {
            Source::Bundled(name) => {
                Cow::Borrowed(bundled::component(name).with_context(|| format!("no component {name} is bundled"))?)
            }
            Source::File(path) => Cow::Owned(read(path).await?),
        };
        let digest = Sha256Digest::of(&bytes);
        if let Some(pin) = definition.pin {
            ensure!(
                pin == digest,
                "the component isn't the one that was pinned: its sha256 is {digest}, and the file of the provider says \
                 {pin}"
            );
        }
        Ok(Self { definition, digest, bytes })
    }

    /// The component's size.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }
}

async fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let unreadable = || format!("{name} can't be read");
    let file = tokio::fs::File::open(path).await.with_context(unreadable)?;
    let metadata = file.metadata().await.with_context(unreadable)?;
    // What isn't a file, a pipe for one, could be waited for without end.
    ensure!(metadata.is_file(), "{name} is no file");
    let too_large = || anyhow!("{name} is larger than {} MiB, and no component has to be", COMPONENT_BYTES_MAX >> 20);
    ensure!(metadata.len() <= COMPONENT_BYTES_MAX, too_large());
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes).await.with_context(unreadable)?;
    ensure!(bytes.len() as u64 <= COMPONENT_BYTES_MAX, too_large());
    Ok(bytes)
}

/// How admission went.
pub(super) struct Admission {
    /// What the component is made of, if it is one at all.
    pub(super) anatomy: Option<Anatomy>,
    /// How long compiling took.
    pub(super) compiled_in: Duration,
    /// What an operator should look at, although the provider can be called.
    pub(super) advice: Vec<String>,
    /// The provider, or why there is none.
    pub(super) outcome: anyhow::Result<Arc<Provider>>,
}

/// Makes a provider of a candidate.
pub(super) async fn admit(runtime: &Runtime, client: &reqwest::Client, candidate: Candidate) -> Admission {
    let mut admission =
        Admission { anatomy: None, compiled_in: Duration::ZERO, advice: vec![], outcome: Err(anyhow!("not tried")) };
    admission.outcome = attempt(runtime, client, candidate, &mut admission).await;
    admission
}

async fn attempt(
    runtime: &Runtime,
    client: &reqwest::Client,
    candidate: Candidate,
    admission: &mut Admission,
) -> anyhow::Result<Arc<Provider>> {
    let Candidate { definition, digest, bytes } = candidate;
    let (engine, limits) = (runtime.clone(), definition.limits.clone());
    // Compiling keeps all cores busy for a tenth of a second or, for Python, several seconds.
    let _permit = runtime.compiling().await;
    let began = Instant::now();
    let compiled = tokio::task::spawn_blocking(move || {
        inspect::is_component(&bytes).map_err(anyhow::Error::msg)?;
        let component = Component::new(&engine.engine, &bytes)
            .map_err(|error| anyhow!("the component is broken or cut off: {error:#}"))?;
        let anatomy = Anatomy::of(&engine.engine, &component);
        let pre = anatomy.check(&limits).map_err(anyhow::Error::msg).and_then(|()| link(&engine, &component));
        anyhow::Ok((anatomy, pre))
    });
    let (anatomy, pre) = compiled.await??;
    admission.compiled_in = began.elapsed();
    admission.advice = advice(&definition, &anatomy);
    admission.anatomy = Some(anatomy);
    let mut provider = Provider::new(runtime, client, definition, digest, pre?);
    provider.info = provider.describe().await?;
    Ok(Arc::new(provider))
}

fn link(runtime: &Runtime, component: &Component) -> anyhow::Result<bindings::ProviderPre<CallState>> {
    let mut linker = Linker::<CallState>::new(&runtime.engine);
    // Files, sockets, environment and arguments are linked, because every toolchain imports them, and empty.
    let linked = wasmtime_wasi::p2::add_to_linker_async(&mut linker)
        .and_then(|()| bindings::Provider::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state));
    linked.map_err(|error| anyhow!("{error:#}"))?;
    let pre = linker
        .instantiate_pre(component)
        .map_err(|error| anyhow!("it asks for something that no provider is given: {error:#}"))?;
    bindings::ProviderPre::new(pre)
        .map_err(|error| anyhow!("it doesn't do what arete:provider@0.1.0 says a provider does: {error:#}"))
}

/// Whether what the operator granted is likely to be enough.
fn advice(definition: &Definition, anatomy: &Anatomy) -> Vec<String> {
    let mut advice = Vec::new();
    let id = &definition.id;
    if anatomy.wants_network() && definition.grants.is_empty() && definition.missing.is_none() {
        advice.push(format!(
            "it can use the network and is granted no origin; {id}.toml would grant one:\n[[outbound]]\norigin = \
             \"https://…\""
        ));
    }
    for (key, value) in &definition.config {
        let Ok(url) = base_url(value) else { continue };
        let origin = url.origin();
        if definition.missing.is_none() && definition.grants.iter().all(|grant| grant.origin != origin) {
            let origin = origin.ascii_serialization();
            advice.push(format!(
                "its setting {key} names {origin}, which it is not granted; {id}.toml would grant \
                 it:\n[[outbound]]\norigin = \"{origin}\""
            ));
        }
    }
    advice
}
