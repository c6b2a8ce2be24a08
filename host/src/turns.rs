//! Turns on the threads: a task that computes for long lets the others go first.
//!
//! A task of Tokio's has its thread for as long as it likes. What waits for nothing, such as a
//! guest that spins or an answer without end whose client reads as fast as it comes, is always
//! ready; as many of them as there are threads, and no connection is looked at for tens of
//! milliseconds. So whatever a guest, a vendor or a client can make long is polled in turns: a turn
//! ends after a millisecond, where the task looks whether it is over, and a task that has had many
//! of them waits in line for a place to compute in, of which there are fewer than threads. One
//! thread is then always free for connections and for what is soon done.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The length of a turn: so long may one task keep the others of its thread waiting, where it looks
/// at the time.
const TURN: Duration = Duration::from_millis(1);
/// The time for which a task computes like any other. Nearly all answers are done before.
const CREDIT: Duration = Duration::from_millis(10);
/// The most that is held against a task.
const DEBT_MAX: Duration = Duration::from_secs(1);
/// The part of its life that a task may compute without being held back: a paced stream computes
/// for less, however long it goes on.
const SHARE: u32 = 256;

thread_local! {
    /// The turn that the thread gives at this moment, if it gives one.
    static TURN_NOW: Cell<Option<Turn>> = const { Cell::new(None) };
}

/// A turn that has begun.
#[derive(Debug, Clone, Copy)]
struct Turn {
    began: Instant,
    /// True if the task began with something else in it.
    renewed: bool,
    /// True if the task is about to compute for long.
    long: bool,
}

/// The places in which tasks that compute for long have their turns. Clones are the same places.
#[derive(Clone)]
pub struct Turns(Arc<Semaphore>);

impl Turns {
    /// Makes so many places.
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Makes places that leave one of the machine's processors free, if there are two.
    pub fn of_this_machine() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(processors.saturating_sub(1).max(1))
    }

    /// Returns a task that takes turns with the others.
    pub(crate) fn with<F: Future>(&self, task: F) -> InTurns<F> {
        InTurns {
            task: Box::pin(task),
            places: self.0.clone(),
            waiting: None,
            debt: Debt { owed: Duration::ZERO, since: Instant::now() },
        }
    }
}

/// Returns true if the turn of the task that asks is over.
pub(crate) fn is_over() -> bool {
    TURN_NOW.get().is_some_and(|turn| TURN <= turn.began.elapsed())
}

/// Lets others go first, if the turn of the task that asks is over.
pub(crate) async fn end_if_over() {
    if is_over() {
        tokio::task::yield_now().await;
    }
}

/// Waits for a place before something that takes long and has no turns within it.
pub(crate) async fn begin_long() {
    TURN_NOW.set(TURN_NOW.get().map(|turn| Turn { long: true, ..turn }));
    tokio::task::yield_now().await;
}

/// Forgets what the task has computed until now: what it does next is another's affair, such as that
/// of the next request on a connection.
pub(crate) fn renew() {
    TURN_NOW.set(TURN_NOW.get().map(|turn| Turn { renewed: true, ..turn }));
}

/// A task that takes turns with the others.
pub(crate) struct InTurns<F> {
    task: Pin<Box<F>>,
    places: Arc<Semaphore>,
    /// The wait for a place.
    waiting: Option<WaitForPlace>,
    debt: Debt,
}

type WaitForPlace =
    Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

impl<F: Future> Future for InTurns<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        // Kept for this turn only: a task that waits for something takes no place from others.
        let _place = match this.debt.is_large() {
            true => ready!(this.poll_place(context)),
            false => None,
        };
        let turn = Given::begin();
        let polled = this.task.as_mut().poll(context);
        this.debt.charge(turn.end());
        polled
    }
}

impl<F> InTurns<F> {
    fn poll_place(&mut self, context: &mut Context<'_>) -> Poll<Option<OwnedSemaphorePermit>> {
        let places = &self.places;
        let waiting = match &mut self.waiting {
            Some(waiting) => waiting,
            None => match places.clone().try_acquire_owned() {
                Ok(place) => return Poll::Ready(Some(place)),
                Err(_) => self.waiting.insert(Box::pin(places.clone().acquire_owned())),
            },
        };
        // The places are never closed.
        let place = ready!(waiting.as_mut().poll(context)).ok();
        self.waiting = None;
        Poll::Ready(place)
    }
}

/// A turn that is being given. Dropped early where the task panics.
struct Given {
    outer: Option<Turn>,
}

impl Given {
    fn begin() -> Self {
        let turn = Turn { began: Instant::now(), renewed: false, long: false };
        Self { outer: TURN_NOW.replace(Some(turn)) }
    }

    fn end(self) -> Option<Turn> {
        TURN_NOW.get()
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        TURN_NOW.set(self.outer);
    }
}

/// The time for which a task has computed, less its share of the time that has passed.
#[derive(Debug)]
struct Debt {
    owed: Duration,
    since: Instant,
}

impl Debt {
    fn is_large(&self) -> bool {
        CREDIT < self.owed
    }

    /// Charges a turn that ends now.
    fn charge(&mut self, turn: Option<Turn>) {
        let Some(Turn { began, renewed, long }) = turn else { return };
        let now = Instant::now();
        if renewed {
            self.owed = Duration::ZERO;
        }
        let share = now.saturating_duration_since(self.since) / SHARE;
        let owed = self.owed.saturating_add(now.saturating_duration_since(began));
        self.owed = owed.saturating_sub(share).min(DEBT_MAX);
        if long {
            self.owed = self.owed.max(CREDIT * 2);
        }
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;

    fn compute(time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {}
    }

    /// A task that computes for so long each time, and looks whether its turn is over in between.
    async fn endless(time: Duration) {
        loop {
            compute(time);
            end_if_over().await;
        }
    }

    #[tokio::test]
    async fn a_task_that_is_always_ready_ends_its_turn() {
        let turns = Turns::new(1);
        let mut task = pin!(turns.with(endless(TURN / 10)));
        let began = Instant::now();
        assert!(poll!(task.as_mut()).is_pending());
        assert!(TURN <= began.elapsed());
        assert!(!is_over(), "no task is given a turn any more");
        // Without turns nothing is ever over.
        let ready = pin!(end_if_over());
        assert!(poll!(ready).is_ready());
    }

    #[tokio::test]
    async fn only_one_that_has_computed_for_long_waits_for_a_place_and_gives_it_back() {
        let turns = Turns::new(1);
        let mut long = pin!(turns.with(endless(CREDIT * 2)));
        assert!(poll!(long.as_mut()).is_pending());
        assert!(long.debt.is_large());
        let taken = turns.0.clone().try_acquire_owned().unwrap();
        let before = long.debt.owed;
        assert!(poll!(long.as_mut()).is_pending());
        assert_eq!(long.debt.owed, before, "it computed without a place");
        // One that hasn't needs none.
        let mut short = pin!(turns.with(async { compute(TURN) }));
        assert!(poll!(short.as_mut()).is_ready());
        drop(taken);
        assert!(poll!(long.as_mut()).is_pending());
        assert!(before < long.debt.owed);
        assert_eq!(turns.0.available_permits(), 1);
    }

    #[tokio::test]
    async fn what_is_long_by_itself_waits_for_its_place_first() {
        let turns = Turns::new(1);
        let taken = turns.0.clone().try_acquire_owned().unwrap();
        let mut task = pin!(turns.with(async {
            begin_long().await;
            compute(TURN);
        }));
        for _ in 0..3 {
            assert!(poll!(task.as_mut()).is_pending());
        }
        drop(taken);
        assert!(poll!(task.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn one_that_leaves_gives_its_place_in_line_to_the_next() {
        let turns = Turns::new(1);
        let taken = turns.0.clone().try_acquire_owned().unwrap();
        let mut tasks: Vec<_> = (0..2).map(|_| turns.with(endless(CREDIT * 2))).collect();
        for task in &mut tasks {
            assert!(poll!(&mut *task).is_pending());
            assert!(poll!(&mut *task).is_pending());
        }
        let mut last = tasks.pop().unwrap();
        // The place is meant for the first of them now.
        drop(taken);
        drop(tasks);
        let before = last.debt.owed;
        assert!(poll!(&mut last).is_pending());
        assert!(before < last.debt.owed);
    }

    #[tokio::test]
    async fn what_is_begun_anew_is_not_charged_for_what_was_before() {
        let turns = Turns::new(1);
        let task = async {
            compute(CREDIT * 2);
            tokio::task::yield_now().await;
            renew();
            std::future::pending::<()>().await;
        };
        let mut task = pin!(turns.with(task));
        assert!(poll!(task.as_mut()).is_pending());
        assert!(task.debt.is_large());
        assert!(poll!(task.as_mut()).is_pending());
        assert!(!task.debt.is_large());
        // Outside of a turn there is nothing to renew.
        renew();
        assert!(TURN_NOW.get().is_none());
    }

    #[tokio::test]
    async fn a_task_that_panics_leaves_no_turn_behind() {
        let task = Turns::new(1).with(async { panic!("oh no") });
        assert!(tokio::spawn(task).await.unwrap_err().is_panic());
        assert!(TURN_NOW.get().is_none());
    }

    #[test]
    fn a_paced_task_pays_back_and_a_long_life_is_no_credit() {
        let start = Instant::now();
        let turn = |began| Some(Turn { began, renewed: false, long: false });
        let mut debt = Debt { owed: CREDIT * 2, since: start };
        // The share of a long life pays everything back and no more.
        debt.since = start.checked_sub(CREDIT * 4 * SHARE).unwrap_or(start);
        debt.charge(turn(start));
        assert!(debt.owed < TURN || start.checked_sub(CREDIT * 4 * SHARE).is_none());
        debt.owed = DEBT_MAX;
        debt.charge(turn(start));
        assert!(debt.owed <= DEBT_MAX);
    }
}
