//! Who draws: one picture at a time for each core, a bounded line of others, and a clear no for the rest.

use parking_lot::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// Pictures that wait for each one that is drawn.
const WAITING_PER_CORE: usize = 20;
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The line.
#[derive(Debug)]
pub struct Turns {
    drawing_max: usize,
    waiting_max: usize,
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Debug, Default)]
struct State {
    drawing: usize,
    waiting: usize,
}

/// Too many pictures were asked for at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Too many requests pending, please try again later")]
pub struct Full {
    /// Which bound was met.
    pub why: String,
}

/// The right to draw; given back when dropped.
#[derive(Debug)]
pub struct Turn<'a>(&'a Turns);

impl Turns {
    /// For a machine with so many cores.
    pub fn new(cores: usize) -> Turns {
        let cores = cores.max(1);
        Turns { drawing_max: cores, waiting_max: cores * WAITING_PER_CORE, state: Mutex::default(), free: Condvar::new() }
    }

    /// Waits for a turn.
    pub fn take(&self) -> Result<Turn<'_>, Full> {
        let mut state = self.state.lock();
        if state.drawing >= self.drawing_max {
            if state.waiting >= self.waiting_max {
                return Err(Full { why: format!("{} pictures wait already ({WAITING_PER_CORE} for each core)", state.waiting) });
            }
            state.waiting += 1;
            let until = Instant::now() + WAIT_MAX;
            while state.drawing >= self.drawing_max {
                if self.free.wait_until(&mut state, until).timed_out() && state.drawing >= self.drawing_max {
                    state.waiting -= 1;
                    return Err(Full { why: format!("no turn came within {} s", WAIT_MAX.as_secs()) });
                }
            }
            state.waiting -= 1;
        }
        state.drawing += 1;
        Ok(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state.lock().drawing -= 1;
        self.0.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_an_end() {
        let turns = Turns::new(1);
        let first = turns.take().expect("free");
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..WAITING_PER_CORE).map(|_| scope.spawn(|| turns.take().map(drop))).collect();
            while turns.state.lock().waiting < WAITING_PER_CORE {
                std::thread::yield_now();
            }
            let refused = turns.take().map(drop).expect_err("the line is full");
            assert!(refused.why.contains("20 pictures wait"), "{refused:?}");
            drop(first);
            assert!(waiting.into_iter().all(|one| one.join().expect("ends").is_ok()));
        });
        assert!(turns.take().is_ok());
        let state = turns.state.lock();
        assert_eq!((state.drawing, state.waiting), (0, 0));
    }
}
