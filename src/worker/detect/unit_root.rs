//! The augmented Dickey-Fuller test: does a series wander (a unit root), or does it return to its level?
//!
//! Regression of the difference on a constant, the level before, and up to ten earlier differences; the number of those
//! by Akaike's criterion over a common sample, then once more over all points that this number allows. The p-value is
//! MacKinnon's (1994) for a constant.

use super::special::normal_below;
use super::sums::sum_pairs;

/// Most earlier differences in the regression.
const LAGS_MAX: usize = 10;

/// What part of its length a column must keep beside the others to count as one of its own.
const INDEPENDENT: f64 = 1e-10;

/// The outcome.
#[derive(Clone, Copy, Debug)]
pub struct UnitRoot {
    /// t-value of the level's coefficient.
    pub statistic: f64,
    /// Probability of such a statistic if there is a unit root. Small: the series is stationary.
    pub p: f64,
    /// Earlier differences that were used.
    pub lag: usize,
}

/// Tests `x`; `columns` are buffers. Fails for a constant or infinite series and for fewer than 24 points.
pub fn test(x: &[f64], columns: &mut Vec<Vec<f64>>) -> Result<UnitRoot, &'static str> {
    if x.iter().all(|v| Some(v) == x.first()) {
        return Err("the reference of the unit root test is constant");
    }
    if !x.iter().all(|v| v.is_finite()) {
        return Err("the reference of the unit root test is not finite");
    }
    if LAGS_MAX + 2 > x.len() / 2 {
        return Err("too few points for ten lags of the unit root test");
    }
    let mut fit = Fit::new(x, LAGS_MAX, columns);
    let n = fit.left.len() as f64;
    fit.add(Column::Constant);
    fit.add(Column::Level);
    let criterion = |fit: &Fit<'_>| n * (fit.squares() / n).ln() + 2.0 * fit.rank as f64;
    let (mut best, mut lag) = (criterion(&fit), 0);
    for k in 1..=LAGS_MAX {
        fit.add(Column::Lag(k));
        let now = criterion(&fit);
        if now < best {
            (best, lag) = (now, k);
        }
    }
    // With the level as the last column its t-value is its share of what is left over the noise. Lags that say the same
    // as those before them are left out.
    let mut first = Fit::new(x, lag, columns);
    first.add(Column::Constant);
    first.add(Column::Level);
    let kept: Vec<usize> = (1..=lag).filter(|k| first.add(Column::Lag(*k)).is_some()).collect();
    let mut last = Fit::new(x, lag, columns);
    last.add(Column::Constant);
    for k in kept {
        last.add(Column::Lag(k));
    }
    let share = last.add(Column::Level).unwrap_or(f64::NAN);
    let statistic = share / (last.squares() / (last.left.len() as f64 - last.rank as f64)).sqrt();
    Ok(UnitRoot { statistic, p: p_value(statistic), lag })
}

/// A column of the regression.
#[derive(Clone, Copy)]
enum Column {
    Constant,
    Level,
    Lag(usize),
}

/// Least squares by orthogonal columns, added one after the other.
struct Fit<'a> {
    x: &'a [f64],
    /// Differences that are lost at the start.
    skip: usize,
    columns: &'a mut Vec<Vec<f64>>,
    /// What the columns so far leave of the differences.
    left: Vec<f64>,
    rank: usize,
}

impl<'a> Fit<'a> {
    fn new(x: &'a [f64], skip: usize, columns: &'a mut Vec<Vec<f64>>) -> Fit<'a> {
        let left = x.windows(2).skip(skip).map(difference).collect();
        Fit { x, skip, columns, left, rank: 0 }
    }

    /// Adds a column and answers its share of the differences; nothing if the others explain it.
    fn add(&mut self, column: Column) -> Option<f64> {
        while self.columns.len() <= self.rank {
            self.columns.push(Vec::new());
        }
        let (known, rest) = self.columns.split_at_mut(self.rank);
        let new = rest.first_mut()?;
        new.clear();
        let n = self.left.len();
        match column {
            Column::Constant => new.resize(n, 1.0),
            // Beside the constant any part of all levels is the same: without the first, small changes far from 0 keep
            // their digits.
            Column::Level => {
                let first = self.x.first().copied().unwrap_or_default();
                new.extend(self.x.iter().skip(self.skip).take(n).map(|v| v - first));
            }
            Column::Lag(k) => new.extend(self.x.windows(2).skip(self.skip - k.min(self.skip)).take(n).map(difference)),
        }
        let length = dot(new, new).sqrt();
        // Twice: what rounding leaves of the others after one pass would count as something of its own.
        for _ in 0..2 {
            for other in known.iter() {
                let share = dot(new, other);
                new.iter_mut().zip(other).for_each(|(v, o)| *v -= share * o);
            }
        }
        let own = dot(new, new).sqrt();
        if own <= INDEPENDENT * length || own == 0.0 {
            return None;
        }
        new.iter_mut().for_each(|v| *v /= own);
        let share = dot(new, &self.left);
        self.left.iter_mut().zip(new.iter()).for_each(|(l, v)| *l -= share * v);
        self.rank += 1;
        Some(share)
    }

    fn squares(&self) -> f64 {
        dot(&self.left, &self.left)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    sum_pairs(a, b, &|x, y| x * y)
}

fn difference(pair: &[f64]) -> f64 {
    match pair {
        [a, b] => b - a,
        _ => f64::NAN,
    }
}

/// MacKinnon's approximate p-value of a test with a constant.
fn p_value(t: f64) -> f64 {
    match t {
        t if t > 2.74 => 1.0,
        t if t < -18.83 => 0.0,
        t if t <= -1.61 => normal_below(2.1659 + t * (1.4412 + t * 0.038_269)),
        t => normal_below(1.7339 + t * (0.932_02 + t * (-0.127_45 - t * 0.010_368))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-9 * want.abs(), "{got} is not {want}");
    }

    /// x(i) = rho x(i-1) + noise.
    fn autoregressive(n: usize, rho: f64, seed: u64) -> Vec<f64> {
        let (mut state, mut x) = (seed, 0.0);
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            x = rho * x + ((state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5);
            x
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn statistics() {
        // statsmodels 0.15, adfuller(x, 10).
        let check = |(n, rho, seed), statistic, p, lag| {
            let got = test(&autoregressive(n, rho, seed), &mut Vec::new()).unwrap();
            near(got.statistic, statistic);
            near(got.p, p);
            assert_eq!(got.lag, lag);
        };
        check((24, 0.0, 1), 1.1454741910609723, 0.9955866366280104, 10);
        check((50, 0.5, 2), -3.2740515042349463, 0.01607897356015154, 0);
        check((50, 1.0, 3), -1.888389791997669, 0.33754247587142705, 4);
        check((300, 0.95, 4), -2.02384095812672, 0.2762184827450517, 0);
        check((300, -0.6, 5), -17.55846516233761, 4.108164660937633e-30, 1);
        check((100, 1.05, 6), 74.71799299572902, 1.0, 0);
        check((300, 1.0, 7), -2.0603730549453, 0.2607442888328274, 0);
    }

    #[test]
    fn levels_far_from_zero() {
        let x: Vec<f64> = autoregressive(200, 0.8, 8).iter().map(|v| v * 1e-6).collect();
        let far: Vec<f64> = x.iter().map(|v| ((v + 1e6) * 2_f64.powi(32)).round() / 2_f64.powi(32)).collect();
        let near_zero: Vec<f64> = far.iter().map(|v| v - 1e6).collect();
        let (a, b) = (test(&far, &mut Vec::new()).unwrap(), test(&near_zero, &mut Vec::new()).unwrap());
        near(a.statistic, b.statistic);
        assert_eq!(a.lag, b.lag);
    }

    #[test]
    fn what_cannot_be_tested() {
        let test = |x: &[f64]| super::test(x, &mut Vec::new());
        assert!(test(&[1.0; 50]).is_err());
        assert!(test(&[1.0, 2.0, f64::INFINITY].repeat(10)).is_err());
        assert!(test(&(0..23).map(f64::from).collect::<Vec<_>>()).is_err());
        // Level and lag say the same: a series that goes to and fro has no unit root.
        assert_eq!(test(&[1.0, 2.0].repeat(25)).unwrap().p, 0.0);
        // A ramp: every difference is the constant.
        let p = test(&(0..50).map(f64::from).collect::<Vec<_>>()).unwrap().p;
        assert!(p.is_nan() || p > 0.05, "{p}");
    }
}
