//! Lines on their way out. A thread of their own writes them, all that wait at once, so that no
//! request waits for a slow terminal and a busy server doesn't make a system call for each.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::warn;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that may wait to be written. What comes on top is dropped and counted rather than waited
/// for.
const WAITING_MAX: usize = 8 * 1024 * 1024;
/// The time for which lines are gathered after some were written. A line that comes alone isn't
/// held back.
const GATHER: Duration = Duration::from_millis(2);

/// Takes lines. Clones lead to the same writer.
#[derive(Clone)]
pub(super) struct Lines(Arc<Queue>);

/// The thread that writes. Dropping this writes what waits and ends it.
#[must_use = "lines are written until this is dropped"]
pub struct Writing {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    dropped: u64,
    /// The writer has nothing to do and wants to be woken.
    idle: bool,
    ended: bool,
}

/// Starts to write.
pub(super) fn start(out: impl Write + Send + 'static) -> (Lines, Writing) {
    let queue = Arc::new(Queue::default());
    let writer = queue.clone();
    let thread =
        std::thread::Builder::new().name("log".into()).spawn(move || writer.write_to(out)).ok();
    (Lines(queue.clone()), Writing { queue, thread })
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        if WAITING_MAX < waiting.bytes.len() + line.len() {
            waiting.dropped += 1;
            return;
        }
        waiting.bytes.extend_from_slice(line);
        if std::mem::take(&mut waiting.idle) {
            self.changed.notify_one();
        }
    }

    fn write_to(&self, mut out: impl Write) {
        let mut batch = Vec::new();
        loop {
            let dropped = {
                let mut waiting = self.waiting();
                while waiting.bytes.is_empty() {
                    if waiting.ended {
                        return;
                    }
                    waiting.idle = true;
                    waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
                std::mem::swap(&mut waiting.bytes, &mut batch);
                std::mem::take(&mut waiting.dropped)
            };
            // Nobody is left to tell that nothing can be told.
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            batch.clear();
            if dropped != 0 {
                warn!(
                    dropped,
                    "Log lines came faster than they could be written, and were dropped"
                );
            }
            let gathered =
                self.changed.wait_timeout_while(self.waiting(), GATHER, |waiting| !waiting.ended);
            drop(gathered);
        }
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.queue.waiting().ended = true;
        self.queue.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It ends by itself; if it has panicked, there is no more to write.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::out::Out;
    use super::*;

    #[test]
    fn all_lines_are_written_whole_and_in_order_before_the_end() {
        let out = Out::default();
        let (lines, writing) = start(out.clone());
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let lines = lines.clone();
                std::thread::spawn(move || {
                    for line in 0..1_000 {
                        (&lines).write_all(format!("{writer} {line}\n").as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        drop(writing);
        let text = out.text();
        for writer in 0..4 {
            let own = text.lines().filter_map(|line| line.strip_prefix(&format!("{writer} ")));
            assert!(own.map(|line| line.parse::<u32>().unwrap()).eq(0..1_000));
        }
    }

    #[test]
    fn a_writer_that_hangs_holds_nobody_up() {
        struct Stuck(mpsc::Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        let (go, wait) = mpsc::sync_channel(1);
        let (lines, writing) = start(Stuck(wait));
        let line = vec![b'x'; WAITING_MAX / 4];
        for _ in 0..12 {
            (&lines).write_all(&line).unwrap();
        }
        assert!(lines.0.waiting().bytes.len() <= WAITING_MAX);
        assert!(4 <= lines.0.waiting().dropped);
        drop(go);
        drop(writing);
    }
}
