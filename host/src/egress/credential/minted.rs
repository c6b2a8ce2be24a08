//! A credential that is minted from time to time: asked for once however many calls need it, shared
//! by them, renewed before it ends, and once more where the vendor refuses it.
//!
//! A call that needs a credential which isn't there waits for it, with all others that do, in one
//! future that they share: it ends with the last of them. A credential that is still good is
//! renewed by a task beside the calls, so a slow server holds nobody up; that task ends with the
//! provider.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use jiff::{SignedDuration, Timestamp};
use tokio::task::AbortHandle;
use tracing::{debug, warn};

use super::exchange::Exchange;
use crate::egress::secrets::Secrets;
use crate::sync::lock;

/// The longest time that minting may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The time for which a failure stands: calls in it fail with it, and ask nobody.
const FAILURE_STANDS: SignedDuration = SignedDuration::from_secs(5);
/// The time in which a credential that was minted after a refusal, and was refused too, isn't
/// minted again for that: the vendor means something else.
const REFUSAL_STANDS: SignedDuration = SignedDuration::from_secs(60);
/// The part of its life after which a credential is renewed, in percent.
const RENEWED_AFTER: i32 = 80;
/// The time before its end from which a credential isn't sent any more; a tenth of its life, if
/// that is less.
const SPARE: SignedDuration = SignedDuration::from_secs(10);

/// The shortest and the longest life that is believed: a server that says none at all would be asked
/// for each call, and one that says too long for ever.
const LIFE: [SignedDuration; 2] = [SignedDuration::from_secs(1), SignedDuration::from_hours(24)];

/// A source of the time of day.
pub(in crate::egress) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A way to mint.
pub(super) trait Mint: Send + Sync + 'static {
    /// The type of its credentials.
    type Credential: Send + Sync + 'static;

    /// Mints one.
    fn mint(
        &self,
        tools: &Tools,
    ) -> impl Future<Output = Result<Fresh<Self::Credential>, String>> + Send;

    /// Returns true if another one may be minted than the last one.
    fn can_change(&self) -> bool {
        true
    }

    /// Returns what of a credential must not be seen.
    fn secrets(credential: &Self::Credential) -> Vec<&str>;
}

/// The tools of minting.
pub(in crate::egress) struct Tools {
    pub(in crate::egress) exchange: Exchange,
    pub(in crate::egress) clock: Clock,
    pub(in crate::egress) secrets: Arc<Secrets>,
    pub(in crate::egress) provider: Arc<str>,
    /// The line of the provider's file that grants the credential.
    pub(in crate::egress) line: usize,
}

/// A new credential, and how long it lives.
pub(super) struct Fresh<T> {
    pub(super) credential: T,
    pub(super) life: SignedDuration,
}

/// A credential that may be sent.
#[derive(Debug)]
pub(super) struct Lease<T> {
    pub(super) credential: T,
    number: u64,
    minted: Timestamp,
    renew_at: Timestamp,
    use_until: Timestamp,
    /// True if it was minted because the vendor had refused the one before.
    after_refusal: bool,
}

/// Nothing could be minted. The reason is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::egress) struct MintFailed;

type Minting<T> = Result<Arc<Lease<T>>, MintFailed>;
type Flight<T> = BoxFuture<'static, Minting<T>>;

/// A credential of one grant.
pub(super) struct Minted<M: Mint>(Arc<Inner<M>>);

struct Inner<M: Mint> {
    mint: M,
    tools: Tools,
    state: Mutex<State<M::Credential>>,
}

struct State<T> {
    lease: Option<Arc<Lease<T>>>,
    under_way: Option<WeakShared<Flight<T>>>,
    /// The time of the last failure, if nothing was minted since.
    failed: Option<Timestamp>,
    /// The task that renews.
    renewal: Option<AbortHandle>,
    minted: u64,
}

impl<M: Mint> Minted<M> {
    pub(super) fn new(mint: M, tools: Tools) -> Self {
        let state = State { lease: None, under_way: None, failed: None, renewal: None, minted: 0 };
        Self(Arc::new(Inner { mint, tools, state: Mutex::new(state) }))
    }

    pub(super) fn tools(&self) -> &Tools {
        &self.0.tools
    }

    /// Returns a credential that is good, minting one if need be.
    pub(super) async fn get(&self) -> Minting<M::Credential> {
        let flight = {
            let mut state = lock(&self.0.state);
            let now = (self.0.tools.clock)();
            match &state.lease {
                Some(lease) if now < lease.use_until => {
                    let lease = lease.clone();
                    if lease.renew_at <= now {
                        self.renew_beside(&mut state, now);
                    }
                    return Ok(lease);
                }
                _ => self.0.flight(&mut state, now, false)?,
            }
        };
        flight.await
    }

    /// Returns another credential in the place of one that the vendor refused, if one is worth
    /// trying. Others go on with the one there is.
    pub(super) async fn after_refusal(
        &self,
        refused: &Lease<M::Credential>,
    ) -> Option<Arc<Lease<M::Credential>>> {
        if !self.0.mint.can_change() {
            return None;
        }
        let flight = {
            let mut state = lock(&self.0.state);
            let now = (self.0.tools.clock)();
            match &state.lease {
                Some(lease) if lease.number != refused.number => return Some(lease.clone()),
                _ => {}
            }
            let refused_again =
                refused.after_refusal && now.duration_since(refused.minted) < REFUSAL_STANDS;
            if refused_again {
                return None;
            }
            self.0.flight(&mut state, now, true).ok()?
        };
        flight.await.ok()
    }

    /// Has a task renew the credential while the one there is goes on being sent.
    fn renew_beside(&self, state: &mut State<M::Credential>, now: Timestamp) {
        if state.renewal.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let Ok(flight) = self.0.flight(state, now, false) else { return };
        // One for each grant, which ends with the provider.
        state.renewal = Some(tokio::spawn(flight.map(drop)).abort_handle());
    }
}

impl<M: Mint> Drop for Minted<M> {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.0.state).renewal.take() {
            task.abort();
        }
    }
}

impl<M: Mint> Inner<M> {
    /// Returns the minting under way, or begins one.
    fn flight(
        self: &Arc<Self>,
        state: &mut State<M::Credential>,
        now: Timestamp,
        after_refusal: bool,
    ) -> Result<Shared<Flight<M::Credential>>, MintFailed> {
        if let Some(flight) = state.under_way.as_ref().and_then(WeakShared::upgrade) {
            return Ok(flight);
        }
        if state.failed.is_some_and(|failed| now.duration_since(failed) < FAILURE_STANDS) {
            return Err(MintFailed);
        }
        let inner = self.clone();
        let flight = async move {
            let minted = tokio::time::timeout(TIMEOUT, inner.mint.mint(&inner.tools)).await;
            let minted = minted.unwrap_or_else(|_| Err(format!("it took longer than {TIMEOUT:?}")));
            inner.settle(minted, after_refusal)
        };
        let flight = flight.boxed().shared();
        state.under_way = flight.downgrade();
        Ok(flight)
    }

    fn settle(
        &self,
        minted: Result<Fresh<M::Credential>, String>,
        after_refusal: bool,
    ) -> Minting<M::Credential> {
        let Tools { clock, secrets, provider, line, .. } = &self.tools;
        let now = clock();
        let mut state = lock(&self.state);
        state.under_way = None;
        match minted {
            Ok(Fresh { credential, life }) => {
                // Before anybody can send it, so that nothing can bring it back unseen.
                secrets.learn(*line, M::secrets(&credential));
                state.minted += 1;
                let [shortest, longest] = LIFE;
                let life = life.clamp(shortest, longest);
                let lease = Arc::new(Lease {
                    credential,
                    number: state.minted,
                    minted: now,
                    renew_at: later(now, life * RENEWED_AFTER / 100),
                    use_until: later(now, life - SPARE.min(life / 10)),
                    after_refusal,
                });
                state.lease = Some(lease.clone());
                state.failed = None;
                debug!(provider = &**provider, line, life_s = life.as_secs(), "Credential minted");
                Ok(lease)
            }
            Err(reason) => {
                state.failed = Some(now);
                let reason = secrets.redact(&reason);
                warn!(
                    provider = &**provider,
                    file = format!("{provider}.toml"),
                    "the credential of {provider}.toml, line {line}, can't be minted: {reason}"
                );
                Err(MintFailed)
            }
        }
    }
}

/// Returns a time later by this much, or the last one there is.
fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
