//! The places for requests, by what a request does: its body is still coming, it is worked on, or
//! it is a stream without an end of its own. One kind takes no place from another, and health needs
//! none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::auth::Caller;
use super::problem::{Code, Problem};
use crate::budget::{Budget, Charge};
use crate::config::ServerConfig;

/// All places.
pub(super) struct Places {
    /// A permit is a request that is worked on.
    work: Arc<Semaphore>,
    /// Requests whose bodies are still coming, for each caller.
    bodies: Budget,
    /// Those that find no such place and have to hurry: half as many.
    hurried: Budget,
    /// Streams without an end, for each caller.
    streams: Budget,
    /// Bytes of bodies, for each caller.
    body_bytes: Budget,
    /// The party of callers without a name.
    nobody: Arc<str>,
}

/// A request's place, and the memory of its body. Clones are the same request's.
#[derive(Clone)]
pub(crate) struct Place(Arc<Shared>);

struct Shared {
    work: Arc<Semaphore>,
    bodies: Budget,
    hurried: Budget,
    streams: Budget,
    caller: Arc<str>,
    kind: Mutex<Kind>,
    body: Mutex<Charge>,
}

/// A kind of place, and what holds it.
enum Kind {
    /// The body may have come with the head, and isn't waited for yet.
    None,
    /// The body is still coming.
    Body { _place: Charge },
    /// The request is worked on.
    Work { _place: OwnedSemaphorePermit },
    /// The response is a stream without an end.
    Stream { _place: Charge },
}

/// The place of a stream without an end of its own: an extractor that answers 503 where there is
/// none left.
pub(crate) struct StreamPlace;

impl Places {
    /// Makes as many places as the settings say.
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self {
            work: Arc::new(Semaphore::new(config.max_requests)),
            bodies: Budget::new(config.max_bodies as u64),
            hurried: Budget::new(config.max_bodies.div_ceil(2) as u64),
            streams: Budget::new(config.max_event_streams as u64),
            body_bytes: Budget::new(config.body_memory),
            nobody: Arc::from(""),
        }
    }

    /// Gives a request its first place.
    ///
    /// # Errors
    /// A 503 that names the kind of which there is none left.
    pub(super) fn enter(&self, caller: &Caller, has_body: bool) -> Result<Place, Problem> {
        let caller = caller.name.as_ref().unwrap_or(&self.nobody).clone();
        let kind = if has_body {
            // Its body isn't worth waiting for.
            if self.work.available_permits() == 0 {
                return Err(Problem::full());
            }
            Kind::None
        } else {
            work(&self.work)?
        };
        Ok(Place(Arc::new(Shared {
            work: self.work.clone(),
            bodies: self.bodies.clone(),
            hurried: self.hurried.clone(),
            streams: self.streams.clone(),
            kind: Mutex::new(kind),
            body: Mutex::new(self.body_bytes.open(&caller)),
            caller,
        })))
    }
}

impl Place {
    /// Takes memory for more of the body, if there is enough.
    pub(super) fn take_bytes(&self, bytes: u64) -> bool {
        self.body().grow(bytes)
    }

    /// Returns true if there is memory for so much of the body.
    pub(super) fn has_bytes(&self, bytes: u64) -> bool {
        self.body().can_grow(bytes)
    }

    /// Takes a place to wait for the body, if there is one.
    pub(super) fn wait_for_body(&self) -> bool {
        self.wait_in(&self.0.bodies)
    }

    /// Takes a place to wait for the body for a moment, if there is one.
    pub(super) fn hurry_body(&self) -> bool {
        self.wait_in(&self.0.hurried)
    }

    fn wait_in(&self, places: &Budget) -> bool {
        let mut place = places.open(&self.0.caller);
        let taken = place.grow(1);
        if taken {
            self.set(Kind::Body { _place: place });
        }
        taken
    }

    /// Begins the work on a request whose body has come.
    ///
    /// # Errors
    /// A 503 where all places are taken.
    pub(super) fn begin_work(&self) -> Result<(), Problem> {
        self.change(|shared| work(&shared.work))
    }

    fn begin_stream(&self) -> Result<(), Problem> {
        self.change(|shared| {
            let mut place = shared.streams.open(&shared.caller);
            if !place.grow(1) {
                return Err(full(
                    "as many event streams are open as may",
                    "HTTP_MAX_EVENT_STREAMS",
                ));
            }
            Ok(Kind::Stream { _place: place })
        })
    }

    fn change(&self, next: impl Fn(&Shared) -> Result<Kind, Problem>) -> Result<(), Problem> {
        self.set(next(&self.0)?);
        Ok(())
    }

    fn set(&self, kind: Kind) {
        *self.0.kind.lock().unwrap_or_else(PoisonError::into_inner) = kind;
    }

    fn body(&self) -> MutexGuard<'_, Charge> {
        self.0.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn work(places: &Arc<Semaphore>) -> Result<Kind, Problem> {
    let place = places.clone().try_acquire_owned().map_err(|_| Problem::full())?;
    Ok(Kind::Work { _place: place })
}

/// Returns the problem of a place of which there is none left.
fn full(of: &str, setting: &str) -> Problem {
    let detail = format!("{of}: one caller may have three times what is left of {setting}");
    Problem::new(Code::Overloaded, detail).retry_after_default()
}

/// Returns the problem of a body that can't be waited for.
pub(super) fn too_many_bodies() -> Problem {
    full("as many request bodies are waited for as may", "HTTP_MAX_BODIES")
}

impl<S: Send + Sync> FromRequestParts<S> for StreamPlace {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let place = parts.extensions.get::<Place>();
        let place =
            place.ok_or_else(|| Problem::internal("a handler was reached without a place"))?;
        place.begin_stream().map(|()| Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Machine, Vars};

    fn caller(name: &str) -> Caller {
        Caller { name: Some(name.into()) }
    }

    fn places(vars: &[(&'static str, &str)]) -> Places {
        let vars = vars.iter().fold(Vars::default(), |vars, (name, value)| vars.with(name, value));
        Places::new(&Config::parse(&vars, &Machine::of_this_process()).unwrap().server)
    }

    #[test]
    fn bodies_and_streams_take_no_place_from_work() {
        let places = places(&[("HTTP_MAX_REQUESTS", "1"), ("HTTP_MAX_BODIES", "8")]);
        let (slow, quick) = (caller("slow"), caller("quick"));
        let bodies: Vec<Place> = (0..7).map(|_| places.enter(&slow, true).unwrap()).collect();
        assert_eq!(bodies.iter().filter(|body| body.wait_for_body()).count(), 6);
        let body = places.enter(&quick, true).unwrap();
        assert!(body.wait_for_body());
        let stream = places.enter(&quick, false).unwrap();
        assert!(body.begin_work().is_err());
        stream.begin_stream().unwrap();
        body.begin_work().unwrap();
        assert!(places.enter(&quick, false).is_err());
        drop(body);
        assert!(places.enter(&quick, false).is_ok());
    }

    #[test]
    fn a_body_holds_its_memory_until_the_request_is_over() {
        let places = places(&[("HTTP_BODY_LIMIT", "1024"), ("HTTP_BODY_MEMORY", "4000")]);
        let (first, second) = (caller("first"), caller("second"));
        let large = places.enter(&first, true).unwrap();
        assert!(large.take_bytes(2_000) && large.has_bytes(1_000) && !large.has_bytes(1_001));
        large.begin_work().unwrap();
        let other = places.enter(&second, true).unwrap();
        assert!(!other.take_bytes(1_501) && other.take_bytes(1_500));
        drop(large);
        assert!(other.take_bytes(1_500));
    }
}
