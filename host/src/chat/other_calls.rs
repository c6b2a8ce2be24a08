//! Calls beside chat: a vendor's list of models, a count of tokens, vectors for texts. Each is
//! attempted like a chat call, and none is kept.

use std::sync::Arc;

use super::outcome::CallStats;
use super::retry::{self, Attempt, AttemptError, Deadline, Policy};
use crate::contract::Request;
use crate::meter::Meter;
use crate::plugin::{
    CallContext, CallError, EmbedAnswer, EmbedRequest, Page, Provider, ProviderCall, TokenCount,
};

/// A question that isn't a chat.
pub(crate) trait OtherCall: Sync {
    /// The answer to it.
    type Answer: Send;

    /// Asks it.
    fn ask(
        &self,
        call: &mut ProviderCall,
    ) -> impl Future<Output = Result<Self::Answer, CallError>> + Send;
}

/// A page of the vendor's models: the first, or the one that the mark leads to. For a provider that
/// [lists models](Provider::lists_models).
pub(crate) struct ListModels(pub(crate) Option<String>);

impl OtherCall for ListModels {
    type Answer = Page;

    async fn ask(&self, call: &mut ProviderCall) -> Result<Page, CallError> {
        call.list_models(self.0.as_deref()).await
    }
}

/// The number of tokens in a request. For a provider that [counts tokens](Provider::counts_tokens).
pub(crate) struct CountTokens(pub(crate) Request);

impl OtherCall for CountTokens {
    type Answer = TokenCount;

    async fn ask(&self, call: &mut ProviderCall) -> Result<TokenCount, CallError> {
        call.count_tokens(&self.0).await
    }
}

/// Vectors for texts. For a provider that [makes vectors](Provider::embeds).
pub(crate) struct Embed(pub(crate) EmbedRequest);

impl OtherCall for Embed {
    type Answer = EmbedAnswer;

    async fn ask(&self, call: &mut ProviderCall) -> Result<EmbedAnswer, CallError> {
        call.embed(&self.0).await
    }
}

/// Attempts until an answer comes, or another attempt isn't worth it, or the deadline passes.
pub(super) async fn run<C: OtherCall + Send>(
    provider: Arc<Provider>,
    caller: Option<Arc<str>>,
    question: C,
    policy: Policy,
) -> (Result<C::Answer, CallError>, CallStats) {
    let deadline = Deadline::after(provider.definition.limits.timeout());
    let context = CallContext {
        id: fastrand::u128(1..),
        deadline: Some(deadline.at()),
        caller,
        ..CallContext::default()
    };
    let meter = Meter::default();
    let mut attempts = Attempts { provider, question, context, meter, made: 0 };
    let answer = retry::run(policy, deadline, &mut attempts).await;
    let Attempts { meter, made, .. } = attempts;
    let stats = CallStats { attempts: made, vendor: meter.vendor(), plugin: meter.plugin() };
    (answer, stats)
}

/// The attempts of one call.
struct Attempts<C> {
    provider: Arc<Provider>,
    question: C,
    context: CallContext,
    meter: Meter,
    made: u32,
}

impl<C: OtherCall + Send> Attempt for Attempts<C> {
    type Completion = C::Answer;

    fn provider(&self) -> &str {
        self.provider.id()
    }

    async fn attempt(&mut self, number: u32) -> Result<C::Answer, AttemptError> {
        self.made = number;
        let context = CallContext { attempt: number, ..self.context.clone() };
        let asked = async {
            let mut call = self.provider.begin_call(&self.meter, context).await?;
            let answer = self.question.ask(&mut call).await?;
            call.release().await;
            Ok(answer)
        };
        asked.await.map_err(AttemptError::unheard)
    }
}
