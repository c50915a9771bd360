//! One flight a name: the first caller does the work, callers who come meanwhile get its result.

use super::{Uid, UidError};
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for another caller's flight. Every call of a store ends earlier by its own deadline.
const FLIGHT_WAIT_MAX: Duration = Duration::from_secs(120);

/// Flights under way, by name.
#[derive(Default)]
pub(super) struct Flights {
    by_name: Mutex<HashMap<Box<str>, Arc<Flight>>>,
}

#[derive(Default)]
struct Flight {
    result: Mutex<Option<Result<Uid, UidError>>>,
    landed: Condvar,
}

impl Flights {
    /// Runs `work` unless somebody does so for `name`; then waits for that result.
    pub fn fly(&self, name: &str, work: impl FnOnce() -> Result<Uid, UidError>) -> Result<Uid, UidError> {
        let mut flights = self.by_name.lock();
        if let Some(flight) = flights.get(name).cloned() {
            drop(flights);
            return flight.wait(name);
        }
        let flight = Arc::new(Flight::default());
        flights.insert(name.into(), flight.clone());
        drop(flights);
        // Lands even if `work` panics: nobody waits for a dead flight.
        let mut landing = Landing { flights: self, flight, name, result: None };
        let result = work();
        landing.result = Some(result.clone());
        result
    }

    #[cfg(test)]
    pub fn under_way(&self) -> usize {
        self.by_name.lock().len()
    }
}

impl Flight {
    fn wait(&self, name: &str) -> Result<Uid, UidError> {
        let deadline = Instant::now() + FLIGHT_WAIT_MAX;
        let mut result = self.result.lock();
        while result.is_none() {
            if self.landed.wait_until(&mut result, deadline).timed_out() {
                return Err(UidError::Refused(format!("the id of '{name}' was not assigned within {FLIGHT_WAIT_MAX:?}")));
            }
        }
        result.clone().unwrap_or_else(|| Err(lost(name)))
    }
}

struct Landing<'a> {
    flights: &'a Flights,
    flight: Arc<Flight>,
    name: &'a str,
    result: Option<Result<Uid, UidError>>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.flights.by_name.lock().remove(self.name);
        let result = self.result.take().unwrap_or_else(|| Err(lost(self.name)));
        *self.flight.result.lock() = Some(result);
        self.flight.landed.notify_all();
    }
}

fn lost(name: &str) -> UidError {
    UidError::Refused(format!("the assignment of '{name}' ended without a result"))
}
