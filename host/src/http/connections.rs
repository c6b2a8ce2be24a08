//! The connections of clients: how many there may be, and which one makes room for another.
//!
//! Once all places are taken, the connection that has been idle for longest is closed for a new
//! one: first those that were never served, then the others. Where none is idle, a
//! new one stands by: health is answered there at once, and other requests wait for a place.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config::ServerConfig;
use crate::turns;

/// The longest wait of a request for a place for its connection.
const PATIENCE: Duration = Duration::from_secs(60);
/// The wait for a place before a connection that was served has to give up its own: commonly it is
/// asked again, and those that were never served give theirs up soon.
const KEPT_FOR: Duration = Duration::from_millis(250);
/// The pause after which another idle connection is looked for: one may have become idle, or the
/// last one have got a request in the same moment.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The places for connections. Clones are the same.
#[derive(Clone)]
pub(super) struct Connections(Arc<Shared>);

struct Shared {
    places: Arc<Semaphore>,
    standby: Arc<Semaphore>,
    /// A permit is a request on a connection that stands by and waits for a place. Half of those
    /// that stand by may; the other half stays for health.
    waiting: Semaphore,
    idle: Mutex<Idle>,
}

/// The idle connections. The first of them is closed first.
#[derive(Default)]
struct Idle {
    order: BTreeMap<Turn, Arc<Notify>>,
    next: u64,
}

/// The turn of an idle connection to be closed: whether its last request succeeded, and since when
/// it is idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    was_served: bool,
    since: u64,
}

/// One connection of a client.
pub(super) struct Connection {
    connections: Connections,
    close: Arc<Notify>,
    /// Its turn to be closed, while it is idle.
    turn: Mutex<Option<Turn>>,
    /// True once it has asked something.
    has_asked: AtomicBool,
    place: Mutex<Place>,
}

/// The place of a connection.
struct Place {
    is_standby: bool,
    _permit: OwnedSemaphorePermit,
}

/// A request under way on a connection, which isn't idle until this is dropped.
pub(super) struct Busy {
    connection: Arc<Connection>,
    /// True once the response is a success.
    is_served: bool,
}

impl Connections {
    /// Makes as many places as the settings say.
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self(Arc::new(Shared {
            places: Arc::new(Semaphore::new(config.max_connections)),
            standby: Arc::new(Semaphore::new(config.standby_connections)),
            waiting: Semaphore::new(config.standby_connections / 2),
            idle: Mutex::default(),
        }))
    }

    /// Waits for room for one more connection.
    pub(super) async fn open(&self) -> Arc<Connection> {
        let (is_standby, permit) = tokio::select! {
            biased;
            permit = self.free_place() => (false, permit),
            Ok(permit) = self.0.standby.clone().acquire_owned() => (true, permit),
        };
        let connection = Arc::new(Connection {
            connections: self.clone(),
            close: Arc::default(),
            turn: Mutex::default(),
            has_asked: AtomicBool::new(false),
            place: Mutex::new(Place { is_standby, _permit: permit }),
        });
        connection.rest(false);
        connection
    }

    /// Waits for a place, and asks idle connections for theirs meanwhile.
    async fn free_place(&self) -> OwnedSemaphorePermit {
        if let Ok(permit) = self.0.places.clone().try_acquire_owned() {
            return permit;
        }
        let mut place = std::pin::pin!(self.0.places.clone().acquire_owned());
        let began = Instant::now();
        loop {
            self.close_idle(KEPT_FOR <= began.elapsed());
            if let Ok(Ok(permit)) = tokio::time::timeout(LOOK_AGAIN, place.as_mut()).await {
                return permit;
            }
        }
    }

    /// Asks the connection that is idle for longest to close, if there is one.
    fn close_idle(&self, even_served: bool) {
        let mut idle = self.idle();
        let Some(first) = idle.order.first_entry() else { return };
        if even_served || !first.key().was_served {
            first.remove().notify_one();
        }
    }

    /// Short critical sections; nothing awaits in one.
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Begins a request.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.leave_idle();
        self.has_asked.store(true, Ordering::Relaxed);
        Busy { connection: self.clone(), is_served: false }
    }

    /// Waits until it is asked to close.
    pub(super) async fn asked_to_close(&self) {
        self.close.notified().await;
    }

    /// Returns true if it never asked anything, so that nothing is lost when it is closed.
    pub(super) fn is_new(&self) -> bool {
        !self.has_asked.load(Ordering::Relaxed)
    }

    /// Takes a place for a connection that stands by, and waits for one if it must; returns false
    /// if there is none for it.
    pub(super) async fn take_place(&self) -> bool {
        if !self.place().is_standby {
            return true;
        }
        let shared = &self.connections.0;
        let permit = match shared.places.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let Ok(_waiting) = shared.waiting.try_acquire() else { return false };
                let place = tokio::time::timeout(PATIENCE, self.connections.free_place());
                let Ok(permit) = place.await else { return false };
                permit
            }
        };
        *self.place() = Place { is_standby: false, _permit: permit };
        true
    }

    fn rest(&self, was_served: bool) {
        let mut idle = self.connections.idle();
        let turn = Turn { was_served, since: idle.next };
        idle.next += 1;
        idle.order.insert(turn, self.close.clone());
        drop(idle);
        *self.turn() = Some(turn);
    }

    fn leave_idle(&self) {
        if let Some(turn) = self.turn().take() {
            self.connections.idle().order.remove(&turn);
        }
    }

    fn turn(&self) -> MutexGuard<'_, Option<Turn>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Busy {
    /// Notes the response to the request.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.is_served = status.is_success();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave_idle();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.connection.rest(self.is_served);
        turns::renew();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::config::{Config, Machine, Vars};

    fn connections(places: usize, standby: usize) -> Connections {
        let config = Config::parse(&Vars::default(), &Machine::of_this_process()).unwrap();
        Connections::new(&ServerConfig {
            max_connections: places,
            standby_connections: standby,
            ..config.server
        })
    }

    async fn is_asked_to_close(connection: &Connection) -> bool {
        connection.asked_to_close().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_was_never_served_and_is_idle_for_longest_is_closed_first() {
        let all = connections(3, 4);
        let (kept, silent, newer) = (all.open().await, all.open().await, all.open().await);
        kept.begin().answered(StatusCode::OK);
        newer.begin().answered(StatusCode::SERVICE_UNAVAILABLE);
        let three = [&silent, &newer, &kept];
        for round in 0..2 {
            let standby = all.open().await;
            assert!(standby.place().is_standby);
            // It asks, so it isn't the next one to be closed.
            std::mem::forget(standby.begin());
            for (at, other) in three.into_iter().enumerate() {
                assert_eq!(is_asked_to_close(other).await, at == round, "{round}: {at}");
            }
        }
        assert!(silent.is_new() && !newer.is_new());
        // One that was served is closed only for a request that has waited for a while.
        let last = all.open().await;
        let _request = last.begin();
        assert!(!is_asked_to_close(&kept).await);
        tokio::select! {
            () = kept.asked_to_close() => {}
            _ = last.take_place() => panic!("there is no place"),
        }
    }

    #[tokio::test]
    async fn one_with_a_request_under_way_is_not_closed_and_one_that_stands_by_gets_its_place() {
        let all = connections(1, 2);
        let first = all.open().await;
        let under_way = first.begin();
        let second = all.open().await;
        assert!(!is_asked_to_close(&first).await);
        assert!(second.place().is_standby);
        let _request = second.begin();
        let mut waits = Box::pin(second.take_place());
        assert!(futures_util::poll!(waits.as_mut()).is_pending());
        // Only half of those that stand by may wait.
        let third = all.open().await;
        let _health = third.begin();
        assert!(!third.take_place().await);
        drop(under_way);
        drop(first);
        assert!(waits.await);
        assert!(!second.place().is_standby);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_beyond_all_places_waits_to_be_accepted() {
        let all = connections(1, 1);
        let (first, second) = (all.open().await, all.open().await);
        let (_one, two) = (first.begin(), second.begin());
        let mut third = Box::pin(all.open());
        assert!(futures_util::poll!(third.as_mut()).is_pending());
        // It is idle now, and so is asked to close for the third.
        drop(two);
        let asked = tokio::select! {
            () = second.asked_to_close() => true,
            _ = third.as_mut() => false,
        };
        assert!(asked);
        drop(second);
        assert!(third.await.place().is_standby);
    }
}
