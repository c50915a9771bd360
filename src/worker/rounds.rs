//! Rounds by the clock: one at each multiple of their length. A round that takes longer than its length makes others
//! late; those are counted and left out, never queued. A clock that jumps is noticed, because the time that passed is
//! known from elsewhere too.

use std::time::{Duration, Instant};

/// A difference between the clock and the time that passed that counts as a jump. Slewing stays below it.
const JUMP_S: i64 = 20;

/// One round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Seconds since the epoch by the clock.
    pub now: i64,
    /// How many lengths of a round have passed since the epoch.
    pub slot: i64,
    /// Rounds left out since the last one.
    pub skipped: u64,
    /// How far the clock jumped since the last one, seconds; negative: back. Usually 0.
    pub jump: i64,
}

/// Which round is due.
#[derive(Clone, Debug)]
pub struct Rounds {
    length: Duration,
    last: Option<(Round, Instant)>,
    /// Rounds begun.
    pub count: u64,
    /// Rounds left out.
    pub late: u64,
}

impl Rounds {
    /// Rounds of at least one second.
    pub fn new(length: Duration) -> Rounds {
        Rounds { length: length.max(Duration::from_secs(1)), last: None, count: 0, late: 0 }
    }

    /// The length of a round, seconds.
    pub fn length_s(&self) -> i64 {
        i64::try_from(self.length.as_secs()).unwrap_or(i64::MAX).max(1)
    }

    /// Other rounds from now on.
    pub fn set_length(&mut self, length: Duration) {
        let length = length.max(Duration::from_secs(1));
        if length != self.length {
            *self = Rounds { count: self.count, late: self.late, ..Rounds::new(length) };
        }
    }

    /// The round that is due, if one is. `unix_ms`: the clock; `now`: the time that passes.
    pub fn due(&mut self, unix_ms: i64, now: Instant) -> Option<Round> {
        let seconds = unix_ms.div_euclid(1_000);
        let slot = seconds.div_euclid(self.length_s());
        let (skipped, jump) = match &self.last {
            None => (0, 0),
            Some((last, at)) => {
                let passed = i64::try_from(now.saturating_duration_since(*at).as_secs()).unwrap_or(i64::MAX);
                let jump = seconds - last.now - passed;
                let jump = if jump.abs() >= JUMP_S { jump } else { 0 };
                if jump != 0 {
                    // By the clock nothing can be said: what passed counts.
                    if passed < self.length_s() && jump > 0 && slot == last.slot {
                        return None;
                    }
                    (u64::try_from(passed / self.length_s() - 1).unwrap_or(0), jump)
                } else if slot <= last.slot {
                    return None;
                } else {
                    (u64::try_from(slot - last.slot - 1).unwrap_or(0), 0)
                }
            }
        };
        let round = Round { now: seconds, slot, skipped, jump };
        self.last = Some((round, now));
        self.count += 1;
        self.late += skipped;
        Some(round)
    }

    /// How long until the next round, at most.
    pub fn pause(&self, unix_ms: i64) -> Duration {
        let length = self.length_s().saturating_mul(1_000);
        Duration::from_millis(u64::try_from(length - unix_ms.rem_euclid(length)).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_700_000_040; // a multiple of 60

    /// Clock and time that passed, seconds; what was skipped and the jump, if a round is due.
    type Step = (i64, u64, Option<(u64, i64)>);

    fn check(steps: &[Step]) {
        let mut rounds = Rounds::new(Duration::from_secs(60));
        let start = Instant::now();
        for (clock, passed, want) in steps {
            let got = rounds.due((T + clock) * 1_000, start + Duration::from_secs(*passed));
            assert_eq!(got.map(|round| (round.skipped, round.jump)), *want, "{clock} {passed}");
        }
    }

    #[test]
    fn one_at_each_minute() {
        check(&[(5, 0, Some((0, 0))), (30, 25, None), (59, 54, None), (60, 55, Some((0, 0))), (61, 56, None), (120, 115, Some((0, 0)))]);
    }

    #[test]
    fn late_rounds_are_left_out() {
        check(&[(0, 0, Some((0, 0))), (200, 200, Some((2, 0))), (239, 239, None), (240, 240, Some((0, 0)))]);
    }

    #[test]
    fn jumps_of_the_clock() {
        // An hour forward: one round, none counted as late.
        check(&[(0, 0, Some((0, 0))), (3_660, 60, Some((0, 3_600))), (3_720, 120, Some((0, 0)))]);
        // An hour back: no pause of an hour.
        check(&[(0, 0, Some((0, 0))), (60 - 3_600, 60, Some((0, -3_600))), (120 - 3_600, 120, Some((0, 0)))]);
        // Small steps are none.
        check(&[(0, 0, Some((0, 0))), (65, 60, Some((0, 0))), (115, 120, None), (121, 126, Some((0, 0)))]);
    }

    #[test]
    fn pauses() {
        let rounds = Rounds::new(Duration::from_secs(60));
        assert_eq!(rounds.pause(T * 1_000), Duration::from_secs(60));
        assert_eq!(rounds.pause(T * 1_000 + 59_900), Duration::from_millis(100));
    }
}
