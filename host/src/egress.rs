//! The only way out for guests: each request is checked against the provider's grants, given its
//! credentials, bounded and sent, in this order. The guest never sees a credential: the host
//! attaches them after the check, follows no redirect that could carry them elsewhere, and takes
//! them out of what comes back.
//!
//! This room knows neither the engine nor the contract: `plugin/call/imports.rs` turns the guest's
//! values into these and back.

mod address;
mod advice;
mod body;
mod client;
mod coding;
mod connection;
mod credential;
mod denial;
mod descriptors;
mod endpoints;
mod error;
mod frames;
pub(crate) mod framing;
mod grant;
mod interim;
mod limits;
mod message;
mod pending;
mod provider_egress;
mod ready_grant;
mod reply;
mod request;
mod resolve;
mod roots;
mod secrets;
mod stream;
mod target;
mod tls_failure;

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use url::Url;

pub(crate) use self::advice::advice;
use self::client::ConnectTimeout;
pub use self::credential::{
    AwsKeySource, AwsKeys, AwsSigV4, ClientAuth, ContainerToken, Credential, CredentialKind,
    GoogleKey, GoogleServiceAccount, OAuth2,
};
use self::credential::{MintFailed, ReadyCredential};
use self::denial::{Denial, Denials};
use self::descriptors::NoDescriptor;
pub use self::endpoints::{Endpoints, PathPattern, PatternError};
pub(crate) use self::error::SendError;
use self::error::{cause, causes};
use self::frames::TooManyFrames;
pub use self::grant::Grant;
use self::interim::{INTERIM_MAX, Interim};
pub(crate) use self::limits::EgressLimits;
use self::limits::exceeded;
pub(crate) use self::message::Message;
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub use self::pending::PendingReply;
pub(crate) use self::provider_egress::{Egress, Tls};
use self::ready_grant::ReadyGrant;
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub use self::reply::Reply;
pub(crate) use self::request::{Header, Request, is_of_the_host};
use self::resolve::Refused;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::secrets::is_like_a_key;
pub(crate) use self::secrets::{Redactor, Secrets};
use self::target::Target;
use crate::config::Limit;
use crate::meter::Meter;
use crate::sync::lock;

/// One call's way out.
pub(crate) struct CallEgress {
    egress: Arc<Egress>,
    meter: Meter,
    /// Nothing leaves because a component is loaded.
    describing: bool,
    /// Requests sent so far; shared with those that are sent beside it.
    sent: Arc<AtomicU32>,
    denials: Denials,
    /// The credential that the last request wasn't sent for want of, in a sentence.
    without_credential: Arc<Mutex<Option<String>>>,
}

impl CallEgress {
    pub(crate) fn new(egress: Arc<Egress>, meter: Meter) -> Self {
        Self {
            egress,
            meter,
            describing: false,
            sent: Arc::default(),
            denials: Denials::default(),
            without_credential: Arc::default(),
        }
    }

    /// One by which nothing leaves, for a provider that describes itself.
    pub(crate) fn shut(egress: Arc<Egress>, meter: Meter) -> Self {
        Self { describing: true, ..Self::new(egress, meter) }
    }

    /// Sends a request of the guest without waiting for the answer.
    pub(crate) fn begin(&self, request: Request) -> PendingReply {
        let Self { egress, meter, describing, sent, denials, without_credential } = self;
        let mut beside = Self {
            egress: egress.clone(),
            // The time is counted while the answer is waited for.
            meter: Meter::default(),
            describing: *describing,
            sent: sent.clone(),
            denials: denials.clone(),
            without_credential: without_credential.clone(),
        };
        PendingReply::new(meter.clone(), async move { beside.send(request).await })
    }

    /// Sends a request of the guest and waits for the head of the answer.
    pub(crate) async fn send(&mut self, request: Request) -> Result<Reply, SendError> {
        *lock(&self.without_credential) = None;
        let egress = self.egress.clone();
        let limits = &egress.limits;
        let target = Target::of(&request.url, limits, &egress.granted)?;
        let grant = self.granted(&target)?;
        let method = request::method(&request.method)?;
        self.check_endpoint(grant, &target, &method)?;
        let mut headers = request::guest_headers(request.headers, &egress.secret_headers, limits)?;
        request::check_body(&request.body, limits)?;
        self.count()?;
        grant.attach(&mut headers);

        let mut outgoing = http::Request::new(request.body);
        *outgoing.uri_mut() = grant.uri(&target.url, target.uri.clone())?;
        (*outgoing.method_mut(), *outgoing.headers_mut()) = (method, headers);
        let response = match &grant.credential {
            None => self.exchange(outgoing, &egress, &target.url).await?,
            Some(credential) => self.authorized(outgoing, credential, &egress, &target.url).await?,
        };
        Reply::new(response, egress, self.meter.clone())
    }

    /// Returns the sentence about the credential that the guest's last request wasn't sent for
    /// want of, if it was that.
    pub(crate) fn without_credential(&self) -> Option<String> {
        lock(&self.without_credential).clone()
    }

    /// Sends a request with a credential that is minted or signs, and once more with another one
    /// if the vendor refuses it. The guest sees one request and one answer.
    async fn authorized(
        &mut self,
        mut outgoing: http::Request<Bytes>,
        credential: &ReadyCredential,
        egress: &Egress,
        url: &Url,
    ) -> Result<Response<Incoming>, SendError> {
        let waiting = self.meter.waiting();
        let attached = credential.get().await;
        drop(waiting);
        let mut first = outgoing.clone();
        let put = attached.and_then(|attached| attached.put_into(&mut first).map(|()| attached));
        let attached = put.map_err(|MintFailed| self.lacks(credential, egress, url))?;
        let response = self.exchange(first, egress, url).await?;

        let waiting = self.meter.waiting();
        let anew = attached.after(response.status().as_u16(), response.headers()).await;
        drop(waiting);
        match anew {
            Some(anew) if anew.put_into(&mut outgoing).is_ok() => {
                self.exchange(outgoing, egress, url).await
            }
            _ => Ok(response),
        }
    }

    /// Returns the failure of a request whose credential can't be minted. The reason is in the log.
    fn lacks(&mut self, credential: &ReadyCredential, egress: &Egress, url: &Url) -> SendError {
        let (provider, line) = (&egress.provider, credential.line());
        let sentence = format!(
            "provider {provider} has no credential for {}: the one of {provider}.toml, line {line}, can't be \
             minted, and the server's log says why",
            url.origin().ascii_serialization()
        );
        *lock(&self.without_credential) = Some(sentence.clone());
        SendError::Credential(sentence)
    }

    /// Sends a request as it is and waits for the head of its answer.
    async fn exchange(
        &mut self,
        outgoing: http::Request<Bytes>,
        egress: &Egress,
        url: &Url,
    ) -> Result<Response<Incoming>, SendError> {
        let limits = &egress.limits;
        let mut outgoing = outgoing.map(Full::new);
        let interim = Interim::count(&mut outgoing);
        let waiting = self.meter.waiting();
        let answer = tokio::time::timeout(limits.first_byte, async {
            tokio::select! {
                answer = egress.client.send(outgoing) => Some(answer),
                () = interim.too_many() => None,
            }
        });
        let answer = answer.await;
        drop(waiting);
        match answer {
            Ok(Some(Ok(response))) => Ok(response),
            Ok(None) => Err(SendError::TooLarge(format!(
                "the vendor sent more than {INTERIM_MAX} interim answers (1xx) and no other"
            ))),
            Ok(Some(Err(error))) => Err(match cause::<Refused>(&error) {
                Some(refused) => {
                    self.denials.deny(&egress.provider, url, Denial::Refused(*refused))
                }
                None => unsent(&error, egress, url),
            }),
            Err(_) => {
                let what = format!("the vendor sent no answer within {:?}", limits.first_byte);
                Err(SendError::Timeout(exceeded(what, Limit::FirstByteTimeout)))
            }
        }
    }

    fn granted<'a>(&mut self, target: &'a Target) -> Result<&'a ReadyGrant, SendError> {
        let denial = match &target.granted {
            Some(granted) if !self.describing => return Ok(granted),
            Some(_) => Denial::Describing,
            None => Denial::NotGranted,
        };
        Err(self.denials.deny(&self.egress.provider, &target.url, denial))
    }

    /// Checks that the grant is for this path and method too.
    fn check_endpoint(
        &mut self,
        grant: &ReadyGrant,
        target: &Target,
        method: &Method,
    ) -> Result<(), SendError> {
        let allowed = grant.endpoints.allow_method(method);
        if allowed && target.fault.is_none() {
            return Ok(());
        }
        let path = grant.endpoints.below_base(target.url.path()).unwrap_or(target.url.path());
        let denial = Denial::Endpoint { method, path, allowed, fault: target.fault };
        Err(self.denials.deny(&self.egress.provider, &target.url, denial))
    }

    /// Counts a request that is about to be sent.
    fn count(&mut self) -> Result<(), SendError> {
        let limit = self.egress.limits.requests;
        let counted = self.sent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |sent| {
            (sent < limit).then_some(sent + 1)
        });
        if counted.is_ok() {
            return Ok(());
        }
        let what = format!("one call may send {limit} requests");
        Err(SendError::TooMany(exceeded(what, Limit::Requests)))
    }
}

/// Returns the failure of a request that got no reply. The URL's path is left out: a base URL may
/// hold a private one.
fn unsent(error: &legacy::Error, egress: &Egress, url: &Url) -> SendError {
    let limits = &egress.limits;
    // Whoever made the error may have quoted what it met.
    let causes = egress.secrets.redact(&causes(error)).into_owned();
    if let Some(lacking) = cause::<NoDescriptor>(error) {
        SendError::Connection(exceeded(
            format!("{lacking}, and none was given back in {:?}", limits.connect),
            Limit::ConnectTimeout,
        ))
    } else if let Some(too_many) = cause::<TooManyFrames>(error) {
        SendError::TooLarge(too_many.to_string())
    } else if cause::<ConnectTimeout>(error).is_some() {
        let what = format!("connecting to the vendor took longer than {:?}", limits.connect);
        SendError::Timeout(exceeded(what, Limit::ConnectTimeout))
    } else if cause::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    {
        SendError::Timeout(format!("the vendor's connection timed out: {causes}"))
    } else if cause::<hyper::Error>(error).is_some_and(hyper::Error::is_parse_too_large) {
        let what = format!(
            "the vendor's answer has more than {} headers, or 400 KiB of them",
            limits.headers
        );
        SendError::TooLarge(exceeded(what, Limit::Headers))
    } else if let Some(sentence) = tls_failure::sentence(error, &egress.provider, url) {
        SendError::Connection(egress.secrets.redact(&sentence).into_owned())
    } else {
        SendError::Connection(format!("the vendor could not be reached: {causes}"))
    }
}

#[cfg(test)]
mod tests;
