//! Resolves the granted names for the connections of one provider, and lets through only addresses
//! that the grant reaches. What is returned is what is connected to: no second resolution comes
//! between the check and its use.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::watch;
use tower_service::Service;

use super::address::{Class, Reach};
use crate::sync::lock;

/// Addresses of one name that are tried. The largest vendors give out a dozen.
const ADDRESSES_MAX: usize = 32;

/// A function that resolves a name to addresses; it blocks.
pub(super) type Lookup = fn(&str) -> io::Result<Vec<IpAddr>>;

/// The system's way.
pub(super) fn system(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// All addresses of a name are out of the grant's reach. Comes back out of the client as a source
/// of its error.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the name leads to {}", class.name())]
pub(super) struct Refused {
    pub(super) address: IpAddr,
    pub(super) class: Class,
}

/// The resolver of one provider.
#[derive(Clone)]
pub(super) struct Resolver {
    names: Arc<[Arc<Granted>]>,
    lookup: Lookup,
}

/// Addresses within the reach of a grant.
type Addresses = std::vec::IntoIter<SocketAddr>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A name that the provider was granted.
struct Granted {
    name: String,
    reach: Reach,
    /// The result of the lookup under way. However many connections are made at once, a
    /// name is looked up by one thread at a time; and as a thread that waits for a name server
    /// can't be called back, this also bounds those that nobody waits for any more. Nothing is
    /// kept once it has ended: caching is the system's business.
    under_way: Mutex<Option<watch::Receiver<Found>>>,
}

/// Nothing until the lookup has ended.
type Found = Option<Result<Vec<IpAddr>, Arc<str>>>;

impl Resolver {
    /// For these names, each with its reach. One that is given twice has the lesser of both.
    pub(super) fn new(names: impl IntoIterator<Item = (String, Reach)>, lookup: Lookup) -> Self {
        let mut granted: Vec<(String, Reach)> = Vec::new();
        for (name, reach) in names {
            match granted.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) if reach == Reach::Public => *known = reach,
                Some(_) => {}
                None => granted.push((name, reach)),
            }
        }
        let names = granted
            .into_iter()
            .map(|(name, reach)| Arc::new(Granted { name, reach, under_way: Mutex::new(None) }))
            .collect();
        Self { names, lookup }
    }
}

impl Service<Name> for Resolver {
    type Response = Addresses;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Addresses, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let granted = self
            .names
            .iter()
            .find(|granted| granted.name.eq_ignore_ascii_case(name.as_str()))
            .cloned();
        let lookup = self.lookup;
        Box::pin(async move {
            // The origin was checked before; a name that comes here all the same isn't looked up.
            let granted = granted.ok_or("no grant names this host")?;
            granted.resolve(lookup).await
        })
    }
}

impl Granted {
    async fn resolve(&self, lookup: Lookup) -> Result<Addresses, Failure> {
        let mut found = self.look_up(lookup);
        let found = found.wait_for(Option::is_some).await.map(|found| found.clone());
        let addresses = match found {
            Ok(Some(Ok(addresses))) => addresses,
            Ok(Some(Err(problem))) => return Err(problem.as_ref().into()),
            // The thread has panicked.
            Ok(None) | Err(_) => {
                return Err("the lookup of the name ended without an answer".into());
            }
        };
        let (mut allowed, refused): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|address| self.reach.allows(Class::of(*address)));
        allowed.truncate(ADDRESSES_MAX);
        match (allowed.first(), refused.first()) {
            (Some(_), _) => Ok(allowed
                .into_iter()
                .map(|ip| SocketAddr::new(ip, 0))
                .collect::<Vec<_>>()
                .into_iter()),
            (None, Some(address)) => {
                Err(Refused { address: *address, class: Class::of(*address) }.into())
            }
            (None, None) => Err("the name has no address".into()),
        }
    }

    /// The lookup under way, or a new one.
    fn look_up(&self, lookup: Lookup) -> watch::Receiver<Found> {
        // Short critical section, nothing awaits in it.
        let mut under_way = lock(&self.under_way);
        // The sender goes when the thread has ended.
        if let Some(found) = under_way.as_ref().filter(|found| found.has_changed().is_ok()) {
            return found.clone();
        }
        let (sender, found) = watch::channel(None);
        let name = self.name.clone();
        tokio::task::spawn_blocking(move || {
            let result = lookup(&name).map_err(|error| Arc::from(error.to_string()));
            sender.send_replace(Some(result));
        });
        *under_way = Some(found.clone());
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Stands in for DNS: the addresses are in the name.
    fn addresses(name: &str) -> io::Result<Vec<IpAddr>> {
        match name.strip_suffix(".example.com") {
            Some("nowhere") => Ok(vec![]),
            Some("broken") => Err(io::Error::other("no such name")),
            Some("mixed") => {
                Ok(vec![[10, 0, 0, 1].into(), [1, 1, 1, 1].into(), [169, 254, 169, 254].into()])
            }
            Some("inside") => Ok(vec![[127, 0, 0, 1].into(), [10, 0, 0, 1].into()]),
            Some("metadata") => Ok(vec![[169, 254, 169, 254].into()]),
            _ => Ok(vec![[1, 1, 1, 1].into()]),
        }
    }

    async fn resolve(name: &str, private: bool) -> Result<Vec<String>, String> {
        let mut resolver = Resolver::new([(name.to_owned(), Reach::of(name, private))], addresses);
        match resolver.call(name.parse().unwrap()).await {
            Ok(found) => Ok(found.map(|address| address.to_string()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn only_addresses_within_reach_come_through() {
        assert_eq!(resolve("api.example.com", false).await.unwrap(), ["1.1.1.1:0"]);
        assert_eq!(resolve("mixed.example.com", false).await.unwrap(), ["1.1.1.1:0"]);
        assert_eq!(resolve("mixed.example.com", true).await.unwrap(), ["10.0.0.1:0", "1.1.1.1:0"]);
        assert_eq!(
            resolve("inside.example.com", true).await.unwrap(),
            ["127.0.0.1:0", "10.0.0.1:0"]
        );
        let inside = resolve("inside.example.com", false).await.unwrap_err();
        assert_eq!(inside, "the name leads to an address inside this network");
        for private in [false, true] {
            let metadata = resolve("metadata.example.com", private).await.unwrap_err();
            assert_eq!(metadata, "the name leads to a link-local or metadata address");
        }
    }

    #[tokio::test]
    async fn a_name_without_addresses_and_one_that_fails_are_told_apart_from_a_refusal() {
        assert_eq!(
            resolve("nowhere.example.com", false).await.unwrap_err(),
            "the name has no address"
        );
        assert_eq!(resolve("broken.example.com", false).await.unwrap_err(), "no such name");
    }

    #[tokio::test]
    async fn a_host_granted_twice_has_the_lesser_reach() {
        let twice =
            [Reach::Inside, Reach::Public].map(|reach| ("inside.example.com".to_owned(), reach));
        let mut resolver = Resolver::new(twice, addresses);
        assert!(resolver.call("INSIDE.example.com".parse().unwrap()).await.is_err());
        assert!(
            resolver.call("api.example.com".parse().unwrap()).await.is_err(),
            "nobody granted it"
        );
    }

    #[tokio::test]
    async fn connections_made_at_once_share_a_lookup_and_later_ones_do_not() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        static GATE: Mutex<()> = Mutex::new(());
        let count: Lookup = |_| {
            drop(GATE.lock().unwrap());
            LOOKUPS.fetch_add(1, Ordering::SeqCst);
            Ok(vec![[1, 1, 1, 1].into()])
        };
        let name = "api.example.com";
        let mut resolver = Resolver::new([(name.to_owned(), Reach::Public)], count);
        let granted = &resolver.names[0];
        let shut = GATE.lock().unwrap();
        let (mut first, second) = (granted.look_up(count), granted.look_up(count));
        drop(shut);
        assert!(first.same_channel(&second));
        first.wait_for(Option::is_some).await.unwrap();
        while first.has_changed().is_ok() {
            tokio::task::yield_now().await;
        }
        let later = resolver.call(name.parse().unwrap()).await.unwrap();
        assert_eq!((later.count(), LOOKUPS.load(Ordering::SeqCst)), (1, 2));
    }
}
