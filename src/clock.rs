//! What time it is, for the whole house. How long something takes is asked of `std::time::Instant`; times of files and of
//! requests are their own.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch, UTC. Never negative: a clock that stands before 1970 counts as its beginning.
pub fn now_ms() -> i64 {
    millis(SystemTime::now())
}

/// Seconds since the epoch, UTC. Never negative.
pub fn now_s() -> i64 {
    now_ms() / 1_000
}

/// A moment in milliseconds since the epoch; 0 before it.
pub fn millis(moment: SystemTime) -> i64 {
    moment.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn before_1970_is_the_beginning() {
        assert_eq!(millis(UNIX_EPOCH + Duration::from_micros(1_500_900)), 1_500);
        assert_eq!(millis(UNIX_EPOCH - Duration::from_secs(5)), 0);
        assert!(now_ms() > 0 && now_s() >= (now_ms() - 1_000) / 1_000);
    }
}
