//! Sudden rise and fall: the newest points against those just before them.

use super::sums::usual;
use super::{Finding, Sight};
use serde::{Deserialize, Serialize};

/// How a jump is told from noise. Medians on both sides, so that one stray point is no jump.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sudden {
    /// So many newest points are the present.
    pub recent: usize,
    /// So many points before them are the past.
    pub before: usize,
    /// Fewest points of the past: with less nothing is found.
    pub least: usize,
    /// The present must lie more than so many standard deviations from the past (robust: from the median deviation)…
    pub deviations: f64,
    /// …and further than this part of the past's median…
    pub relative: f64,
    /// …and further than this, in the unit of the series.
    pub absolute: f64,
}

impl Default for Sudden {
    fn default() -> Sudden {
        Sudden { recent: 3, before: 60, least: 10, deviations: 6.0, relative: 0.2, absolute: 0.0 }
    }
}

impl Sudden {
    /// Has the series risen?
    pub fn rise(&self, sight: &mut Sight<'_>) -> Finding {
        self.jump(sight, 1.0)
    }

    /// Has the series fallen?
    pub fn fall(&self, sight: &mut Sight<'_>) -> Finding {
        self.jump(sight, -1.0)
    }

    fn jump(&self, sight: &mut Sight<'_>, sign: f64) -> Finding {
        let values = sight.window.values;
        let buffer = &mut sight.scratch.values;
        let (past, present) = values.split_at(values.len().saturating_sub(self.recent));
        let past = past.get(past.len().saturating_sub(self.before)..).unwrap_or_default();
        let mut usual = |values: &[f64]| {
            buffer.clear();
            buffer.extend(values.iter().filter(|v| !v.is_nan()));
            let points = buffer.len();
            (usual(buffer), points)
        };
        let ((now, _), _) = usual(present);
        let ((base, std), points) = usual(past);
        let limit = (self.deviations * std).max(self.relative * base.abs()).max(self.absolute);
        let change = now - base;
        let jumped = points >= self.least && change * sign > limit;
        Finding::new(
            jumped,
            &[("now", now), ("before", base), ("change", change), ("std", std), ("limit", limit), ("points", points as f64)],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::detect::{Scratch, Verdict, Window};

    fn jump(values: &[f64]) -> (bool, bool) {
        let times: Vec<f64> = (0..values.len()).map(|i| i as f64 * 60.0).collect();
        let mut scratch = Scratch::default();
        let mut sight = Sight::new(Window { times: &times, values }, 0.0, 86_400.0, &mut scratch);
        let sudden = Sudden::default();
        let found = [sudden.rise(&mut sight), sudden.fall(&mut sight)].map(|f| f.verdict == Verdict::Anomalous);
        (found[0], found[1])
    }

    #[test]
    fn rise_and_fall() {
        let noise = |n: usize| (0..n).map(|i| 100.0 + (i * 7 % 5) as f64);
        let check = |end: &[f64], is| assert_eq!(jump(&noise(60).chain(end.iter().copied()).collect::<Vec<_>>()), is, "{end:?}");
        check(&[], (false, false));
        check(&[150.0, 151.0, 149.0], (true, false));
        check(&[50.0, 51.0, 0.0], (false, true));
        // One stray point, one without a value.
        check(&[102.0, 500.0, 101.0], (false, false));
        check(&[150.0, f64::NAN, 149.0], (true, false));
        // Far in deviations, but less than a fifth.
        check(&[115.0, 115.0, 115.0], (false, false));
        // From nothing to something, and too little of a past.
        assert_eq!(jump(&[vec![0.0; 40], vec![1.0; 3]].concat()), (true, false));
        assert_eq!(jump(&[vec![0.0; 9], vec![1.0; 3]].concat()), (false, false));
        assert_eq!(jump(&[]), (false, false));
    }
}
