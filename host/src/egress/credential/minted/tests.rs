//! The times at which something is minted, and for whom: with a clock that the test sets, and a server
//! that answers when the test says.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use super::*;
use crate::egress::EgressLimits;
use crate::egress::client::{Client, OwnTls};
use crate::egress::descriptors::Descriptors;
use crate::egress::resolve::{Resolver, system};

/// A server of credentials that live for 100 s. It answers as often as it is allowed to.
#[derive(Clone, Default)]
struct Server(Arc<Script>);

struct Script {
    asked: AtomicU32,
    given_up: AtomicU32,
    fails: AtomicBool,
    allowed: Semaphore,
    now: AtomicI64,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            asked: AtomicU32::new(0),
            given_up: AtomicU32::new(0),
            fails: AtomicBool::new(false),
            allowed: Semaphore::new(0),
            now: AtomicI64::new(1_000_000),
        }
    }
}

/// Counts itself unless it is answered.
struct Asking<'a>(&'a AtomicU32);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Mint for Server {
    type Credential = String;

    async fn mint(&self, _: &Tools) -> Result<Fresh<String>, String> {
        let number = self.0.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let asking = Asking(&self.0.given_up);
        self.0.allowed.acquire().await.unwrap().forget();
        std::mem::forget(asking);
        if self.0.fails.load(Ordering::SeqCst) {
            return Err("it says no to x7Kq92Lm4ZpQ-1".into());
        }
        Ok(Fresh {
            credential: format!("x7Kq92Lm4ZpQ-{number}"),
            life: SignedDuration::from_secs(100),
        })
    }

    fn secrets(credential: &String) -> Vec<&str> {
        vec![credential]
    }
}

impl Server {
    fn minted(&self) -> (Minted<Self>, Arc<Secrets>) {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let descriptors = Descriptors::new(u64::MAX).of_one_provider();
        let tls = OwnTls { config, descriptors, origins: 1 };
        let client = Client::new(tls, Resolver::new([], system), &EgressLimits::default());
        let script = self.0.clone();
        let clock: Clock =
            Arc::new(move || Timestamp::from_second(script.now.load(Ordering::SeqCst)).unwrap());
        let secrets = Arc::<Secrets>::default();
        let tools = Tools {
            exchange: Exchange::new(client),
            clock,
            secrets: secrets.clone(),
            provider: "test".into(),
            line: 7,
        };
        (Minted::new(self.clone(), tools), secrets)
    }

    fn allow(&self, answers: usize) {
        self.0.allowed.add_permits(answers);
    }

    fn asked(&self) -> u32 {
        self.0.asked.load(Ordering::SeqCst)
    }

    async fn wait_until_asked(&self, times: u32) {
        while self.asked() < times {
            yield_now().await;
        }
    }

    /// Lets this many seconds pass.
    fn pass(&self, seconds: i64) {
        self.0.now.fetch_add(seconds, Ordering::SeqCst);
    }
}

async fn number(minted: &Minted<Server>) -> Result<u64, MintFailed> {
    Ok(minted.get().await?.number)
}

/// Waits until a credential of this number is the one that is sent.
async fn wait_for(minted: &Minted<Server>, number: u64) {
    while minted.get().await.unwrap().number < number {
        yield_now().await;
    }
}

#[tokio::test]
async fn all_who_need_one_at_once_share_one() {
    let server = Server::default();
    let (minted, secrets) = server.minted();
    let calls: Vec<_> = (0..50).map(|_| minted.get()).collect();
    let (leases, ()) = tokio::join!(futures_util::future::join_all(calls), async {
        server.wait_until_asked(1).await;
        server.allow(9);
    });
    assert!(leases.iter().all(|lease| lease.as_ref().unwrap().number == 1));
    assert_eq!(number(&minted).await, Ok(1));
    assert_eq!(server.asked(), 1);
    assert_eq!(secrets.redact("it is x7Kq92Lm4ZpQ-1."), "it is [redacted].");
}

#[tokio::test]
async fn minting_ends_with_the_last_who_waits_for_it() {
    let server = Server::default();
    let (minted, _) = server.minted();
    let (mut first, mut second) = (Box::pin(minted.get()), Box::pin(minted.get()));
    assert!(futures_util::poll!(&mut first).is_pending());
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(first);
    assert_eq!(server.0.given_up.load(Ordering::SeqCst), 0);
    server.allow(1);
    assert_eq!(second.await.unwrap().number, 1, "another goes on with it");

    server.pass(100);
    let mut last = Box::pin(minted.get());
    assert!(futures_util::poll!(&mut last).is_pending());
    drop(last);
    assert_eq!(server.0.given_up.load(Ordering::SeqCst), 1);
    server.allow(1);
    assert_eq!(number(&minted).await, Ok(2));
    assert_eq!(server.asked(), 3);
}

#[tokio::test]
async fn it_is_renewed_after_four_fifths_of_its_life_and_nobody_waits_for_that() {
    let server = Server::default();
    let (minted, secrets) = server.minted();
    server.allow(1);
    assert_eq!(number(&minted).await, Ok(1));
    server.pass(79);
    assert_eq!((number(&minted).await, server.asked()), (Ok(1), 1));
    server.pass(1);
    // The server doesn't answer: the one there is still good.
    for _ in 0..3 {
        assert_eq!(number(&minted).await, Ok(1));
    }
    server.wait_until_asked(2).await;
    server.pass(9);
    assert_eq!((number(&minted).await, server.asked()), (Ok(1), 2));
    server.allow(1);
    wait_for(&minted, 2).await;
    assert_eq!(server.asked(), 2);
    let both = "x7Kq92Lm4ZpQ-1 x7Kq92Lm4ZpQ-2";
    assert_eq!(secrets.redact(both), "[redacted] [redacted]", "an answer may hold the old one");

    // Too near to its end it isn't sent any more.
    server.pass(90);
    let mut waiting = Box::pin(minted.get());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    server.allow(1);
    assert_eq!(waiting.await.unwrap().number, 3);
}

#[tokio::test]
async fn a_renewal_ends_with_the_provider() {
    let server = Server::default();
    let (minted, _) = server.minted();
    server.allow(1);
    minted.get().await.unwrap();
    server.pass(80);
    minted.get().await.unwrap();
    server.wait_until_asked(2).await;
    drop(minted);
    while server.0.given_up.load(Ordering::SeqCst) == 0 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_failure_stands_for_a_while_and_asks_nobody() {
    let server = Server::default();
    let (minted, _) = server.minted();
    server.0.fails.store(true, Ordering::SeqCst);
    server.allow(10);
    for _ in 0..5 {
        assert_eq!(number(&minted).await, Err(MintFailed));
    }
    server.pass(4);
    assert_eq!((number(&minted).await, server.asked()), (Err(MintFailed), 1));
    server.0.fails.store(false, Ordering::SeqCst);
    server.pass(1);
    assert_eq!((number(&minted).await, server.asked()), (Ok(1), 2));

    // One that can't be renewed is sent to its end.
    server.0.fails.store(true, Ordering::SeqCst);
    server.pass(80);
    assert_eq!(number(&minted).await, Ok(1));
    server.wait_until_asked(3).await;
    server.pass(9);
    assert_eq!(number(&minted).await, Ok(1));
    server.pass(1);
    server.wait_until_asked(4).await;
    assert_eq!(number(&minted).await, Err(MintFailed));
}

#[tokio::test]
async fn one_that_is_refused_is_minted_anew_once() {
    let server = Server::default();
    let (minted, _) = server.minted();
    server.allow(10);
    let first = minted.get().await.unwrap();
    let second = minted.after_refusal(&first).await.unwrap();
    assert_eq!((second.number, number(&minted).await), (2, Ok(2)));
    // Who was refused with the first one meanwhile takes what there is.
    assert_eq!(minted.after_refusal(&first).await.unwrap().number, 2);
    assert_eq!(server.asked(), 2);
    // Refused again: the vendor means something else.
    for _ in 0..5 {
        assert!(minted.after_refusal(&second).await.is_none());
    }
    assert_eq!(server.asked(), 2);
    server.pass(60);
    assert_eq!(minted.after_refusal(&second).await.unwrap().number, 3);
}

#[tokio::test]
async fn others_go_on_with_the_one_that_was_refused_to_somebody() {
    let server = Server::default();
    let (minted, _) = server.minted();
    server.allow(1);
    let first = minted.get().await.unwrap();
    let mut refused = Box::pin(minted.after_refusal(&first));
    assert!(futures_util::poll!(&mut refused).is_pending());
    assert_eq!(number(&minted).await, Ok(1));
    server.allow(1);
    assert_eq!(refused.await.unwrap().number, 2);
}
