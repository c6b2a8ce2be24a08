//! A call in a dialect that the vendor itself speaks: the provider says where it goes, and the
//! bytes of both bodies pass through the host as they are. Only the model in the caller's body is
//! rewritten.
//!
//! An attempt ends when the first bytes of the vendor's answer have come. Up to there a failure may
//! be followed by another attempt; from there on the caller has content.

mod answer;
mod model;

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use self::answer::CHUNK_BYTES_MAX;
pub(crate) use self::answer::{ForwardFailure, Forwarded, ForwardedBody, VendorRefusal};
use super::outcome::CallStats;
use super::retry::{self, Attempt, AttemptError, Deadline, Policy};
use crate::egress::{self, Reply};
use crate::meter::Meter;
use crate::plugin::{
    CallContext, CallError, ContractHeader, DialectContext, ForwardRefusal, ForwardRequest,
    Provider, ProviderCall,
};

/// The most bytes of a refusal that are kept.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// A caller's request in a dialect that the provider forwards.
pub(crate) struct ForwardCall {
    /// The provider, which [forwards](Provider::forwards) the dialect.
    pub(crate) provider: Arc<Provider>,
    /// The dialect, as the contract names it: `anthropic-messages`.
    pub(crate) dialect: &'static str,
    /// The method.
    pub(crate) method: Method,
    /// The query, without its `?`.
    pub(crate) query: Option<String>,
    /// All headers of the caller's request. Only those that belong to a dialect go on.
    pub(crate) headers: HeaderMap,
    /// The model to ask the vendor for. It replaces the one in the body.
    pub(crate) model: String,
    /// True if the caller takes the answer as a stream.
    pub(crate) streamed: bool,
    /// The caller's body: a JSON object, or nothing.
    pub(crate) body: Bytes,
    /// The name of the caller's key.
    pub(crate) tenant: Option<Arc<str>>,
}

/// Attempts until a vendor begins to answer, or another attempt isn't worth it.
pub(super) async fn run(call: ForwardCall, policy: Policy) -> Result<Forwarded, ForwardFailure> {
    let ForwardCall { provider, dialect, method, query, headers, model, streamed, body, tenant } =
        call;
    let deadline = Deadline::after(provider.definition.limits.timeout());
    let body = match body.is_empty() {
        true => body,
        false => model::rewrite(&body, &model).map_err(ForwardFailure::before_any_attempt)?,
    };
    let headers: Vec<ContractHeader> = headers
        .iter()
        .filter(|(name, _)| belongs_to_a_dialect(name))
        .filter_map(|(name, value)| {
            let value = value.to_str().ok()?.to_owned();
            Some(ContractHeader { name: name.to_string(), value })
        })
        .collect();
    let outside = DialectContext { headers: headers.clone(), query: query.clone() };
    let context = CallContext {
        id: fastrand::u128(1..),
        deadline: Some(deadline.at()),
        caller: tenant,
        dialect: Some(Arc::new(outside)),
        ..CallContext::default()
    };
    let (dialect, method) = (dialect.to_owned(), method.to_string());
    let request = ForwardRequest { dialect, method, query, headers, model, streamed };
    let meter = Meter::default();
    let mut attempts =
        Attempts { provider, request, context, body, deadline, meter, made: 0, refusal: None };
    match retry::run(policy, deadline, &mut attempts).await {
        Ok(forwarded) => Ok(forwarded),
        Err(error) => {
            let stats = attempts.stats();
            // After any other failure, such as the deadline's, the last refusal explains nothing.
            let refusal = attempts.refusal.filter(|_| matches!(error, CallError::Provider(_)));
            Err(ForwardFailure { error, refusal, stats })
        }
    }
}

/// The attempts of one call.
struct Attempts {
    provider: Arc<Provider>,
    request: ForwardRequest,
    context: CallContext,
    body: Bytes,
    deadline: Deadline,
    meter: Meter,
    made: u32,
    /// The vendor's words in the last attempt.
    refusal: Option<VendorRefusal>,
}

impl Attempt for Attempts {
    type Completion = Forwarded;

    fn provider(&self) -> &str {
        self.provider.id()
    }

    async fn attempt(&mut self, number: u32) -> Result<Forwarded, AttemptError> {
        self.made = number;
        self.refusal = None;
        self.ask().await.map_err(AttemptError::unheard)
    }
}

impl Attempts {
    fn stats(&self) -> CallStats {
        let Self { made, meter, .. } = self;
        CallStats { attempts: *made, vendor: meter.vendor(), plugin: meter.plugin() }
    }

    /// Sends the request where the provider says, and waits for the first bytes of the answer.
    async fn ask(&mut self) -> Result<Forwarded, CallError> {
        let context = CallContext { attempt: self.made, ..self.context.clone() };
        let mut call = self.provider.begin_call(&self.meter, context).await?;
        let mut request = call.route(&self.request).await?;
        request.body = self.body.clone();
        let typed = request.headers.iter().any(|it| it.name.eq_ignore_ascii_case("content-type"));
        if !typed && !request.body.is_empty() {
            let (name, value) = ("content-type".into(), "application/json".into());
            request.headers.push(egress::Header { name, value });
        }
        let mut reply = call.send(request).await?;
        if !(200..300).contains(&reply.status()) {
            return Err(self.refused(call, reply).await?);
        }
        let first = reply.read(CHUNK_BYTES_MAX).await?;
        let place = call.release().await;
        let (status, headers) = (reply.status(), answer_headers(&reply));
        let (meter, made) = (self.meter.clone(), self.made);
        let body = ForwardedBody::new(first.into(), reply, place, self.deadline, meter, made);
        Ok(Forwarded { status, headers, body })
    }

    /// Keeps a refusal, and has the provider say what it means.
    async fn refused(
        &mut self,
        mut call: ProviderCall,
        mut reply: Reply,
    ) -> Result<CallError, CallError> {
        let mut body = Vec::new();
        // A refusal whose words can't be read is still that refusal.
        let whole = loop {
            match reply.read(CHUNK_BYTES_MAX).await {
                Ok(more) if more.is_empty() => break true,
                Ok(mut more) => body.append(&mut more),
                Err(_) => break false,
            }
            if REFUSAL_BYTES_MAX < body.len() {
                body.truncate(REFUSAL_BYTES_MAX);
                break false;
            }
        };
        let refusal = ForwardRefusal {
            dialect: self.request.dialect.clone(),
            status: reply.status(),
            headers: reply.headers().into_iter().map(ContractHeader::from).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        self.refusal = Some(VendorRefusal {
            status: reply.status(),
            headers: answer_headers(&reply),
            body: body.into(),
            whole,
        });
        let error = call.explain_refusal(&refusal).await?;
        call.release().await;
        Ok(error)
    }
}

/// Returns true if a header of a caller's request means something to a vendor.
fn belongs_to_a_dialect(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("anthropic-") || ["openai-beta", "idempotency-key"].contains(&name)
}

/// Returns true if programs read a header of a vendor's answer.
fn is_read_by_programs(name: &HeaderName) -> bool {
    const NAMES: [&str; 6] = [
        "content-type",
        "request-id",
        "x-request-id",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
    ];
    const BEGINNINGS: [&str; 3] = ["anthropic-", "openai-", "x-ratelimit-"];
    let name = name.as_str();
    NAMES.contains(&name) || BEGINNINGS.iter().any(|start| name.starts_with(start))
}

/// Returns the headers of a vendor's answer that go to the caller.
fn answer_headers(reply: &Reply) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for egress::Header { name, value } in reply.headers() {
        let Ok(name) = HeaderName::try_from(name) else { continue };
        let Ok(value) = HeaderValue::try_from(value) else { continue };
        if is_read_by_programs(&name) {
            headers.append(name, value);
        }
    }
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    headers
}

#[cfg(test)]
mod tests;
