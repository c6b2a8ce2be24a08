//! Admission: the one way by which bytes become a provider, for the server and for `arete plugin
//! check`. Read, look at, compile, link, really instantiate and ask to describe itself. What passes
//! here can be called: a component whose records differ from the contract's, for one, is only found
//! out when it is instantiated.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tokio::io::AsyncReadExt;

use super::bundled;
use super::code_cache::Origin;
use super::compiled::Compiled;
use super::definition::{Definition, Sha256Digest, Source};
use super::engine::Runtime;
use super::inspect::Anatomy;
use super::outbound::Tls;
use super::provider::Provider;
use crate::config::base_url;

/// The largest component. StarlingMonkey and Python make some of 12 to 22 MiB.
pub(super) const COMPONENT_BYTES_MAX: u64 = 64 << 20;

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

/// How admission went.
pub(super) struct Admission {
    /// The component's size and digest, if it could be read.
    pub(super) read: Option<(usize, Sha256Digest)>,
    /// What the component is made of, if it is one at all.
    pub(super) anatomy: Option<Anatomy>,
    /// Where its machine code came from, and how long that took.
    pub(super) code: Option<(Origin, Duration)>,
    /// What an operator should look at, although the provider can be called.
    pub(super) advice: Vec<String>,
    /// The provider, or why there is none.
    pub(super) outcome: anyhow::Result<Arc<Provider>>,
}

/// Makes a provider of a definition.
pub(super) async fn admit(runtime: &Runtime, tls: &Tls, definition: Definition) -> Admission {
    let mut admission = Admission {
        read: None,
        anatomy: None,
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
    // Goes with the work: an admission that is overtaken doesn't stop its compiler.
    let permit = runtime.compiling().await;
    // What is read now is what is admitted, whatever the file becomes.
    let bytes = match &definition.component {
        Source::Bundled(name) => Cow::Borrowed(
            bundled::component(name).with_context(|| format!("no component {name} is bundled"))?,
        ),
        Source::File(path) => Cow::Owned(read(path).await?),
    };
    let digest = Sha256Digest::of(&bytes);
    admission.read = Some((bytes.len(), digest));
    if let Some(pin) = definition.pin {
        ensure!(
            pin == digest,
            "the component isn't the one that was pinned: its sha256 is {digest}, and the file of the provider says {pin}"
        );
    }

    let (compiled, code) = match runtime.shelf.get(&digest) {
        Some(compiled) => (compiled, (Origin::Shared, Duration::ZERO)),
        None => {
            let runtime = runtime.clone();
            let compiling = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                let compiled = Arc::new(Compiled::new(&runtime, &bytes, &digest)?);
                runtime.shelf.put(digest, &compiled);
                anyhow::Ok(compiled)
            });
            let compiled = compiling.await??;
            let code = compiled.code;
            (compiled, code)
        }
    };
    admission.code = Some(code);
    admission.advice = advice(&definition, &compiled.anatomy);
    admission.anatomy = Some(compiled.anatomy.clone());
    compiled.anatomy.fits(&definition.limits).map_err(anyhow::Error::msg)?;
    let mut provider = Provider::new(runtime, tls, definition, digest, compiled, code)?;
    provider.info = provider.describe().await?;
    Ok(Arc::new(provider))
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
    advice
}
