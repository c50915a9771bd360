//! Distributions: the upper quantile of Student's t, the normal distribution, Kolmogorov's.
//!
//! Textbook series and continued fractions, summed until they stop changing: relative errors of some 1e-14.

/// Most terms of a continued fraction or series; those used here need far fewer below 1e8 degrees of freedom.
const TERMS_MAX: usize = 100_000;

/// What is not told from zero in a continued fraction.
const TINY: f64 = 1e-300;

/// The value that Student's t of `df` degrees of freedom exceeds with probability `p`. NaN unless `df` > 0 and
/// 0 < `p` < 0.5.
pub fn student_upper(p: f64, df: f64) -> f64 {
    if !(df > 0.0 && p > 0.0 && p < 0.5) {
        return f64::NAN;
    }
    let mut t = student_start(p, df);
    for _ in 0..60 {
        let tail = student_tail(t, df);
        // Newton's step on ln(tail): the tail falls nearly as a power or as an exponential, so this lands quickly.
        let step = (tail / p).ln() * tail / student_density(t, df);
        let next = (t + step).max(t * 0.2);
        if !next.is_finite() {
            return t;
        }
        let done = (next - t).abs() <= 4.0 * f64::EPSILON * next;
        t = next;
        if done {
            break;
        }
    }
    t
}

/// A first guess: exact for one and two degrees, otherwise the normal quantile widened for heavy tails.
fn student_start(p: f64, df: f64) -> f64 {
    if df <= 1.0 {
        return 1.0 / (std::f64::consts::PI * p).tan();
    }
    if df <= 2.0 {
        let a = 2.0 * p;
        return ((2.0 / (a * (2.0 - a))) - 2.0).sqrt();
    }
    // Hastings' rational approximation of the normal quantile, then the first terms of the Cornish-Fisher expansion.
    let s = (-2.0 * p.ln()).sqrt();
    let z = s - (2.515_517 + s * (0.802_853 + s * 0.010_328)) / (1.0 + s * (1.432_788 + s * (0.189_269 + s * 0.001_308)));
    let z3 = z.powi(3);
    z + (z3 + z) / (4.0 * df) + (5.0 * z.powi(5) + 16.0 * z3 + 3.0 * z) / (96.0 * df * df)
}

/// P(T > t) for t > 0: half of the regularised incomplete beta function at df / (df + t²).
fn student_tail(t: f64, df: f64) -> f64 {
    let (a, b) = (df / 2.0, 0.5);
    let t2 = t * t;
    let (x, y) = (df / (df + t2), t2 / (df + t2));
    let ln_x = -(t2 / df).ln_1p();
    // x^a · y^b / B(a, b), with B(a, ½) = √π · Γ(a) / Γ(a + ½).
    let front = (a * ln_x).exp() * y.sqrt() * gamma_half_step(a) / std::f64::consts::PI.sqrt();
    if x < (a + 1.0) / (a + b + 2.0) { front * beta_fraction(a, b, x) / a / 2.0 } else { (1.0 - front * beta_fraction(b, a, y) / b) / 2.0 }
}

fn student_density(t: f64, df: f64) -> f64 {
    let power = -(df + 1.0) / 2.0 * (t * t / df).ln_1p();
    power.exp() * gamma_half_step(df / 2.0) / (df * std::f64::consts::PI).sqrt()
}

/// Γ(a + ½) / Γ(a): climbs to where the asymptotic series is exact, and takes the steps back.
fn gamma_half_step(a: f64) -> f64 {
    let (mut at, mut factor) = (a, 1.0);
    while at < 30.0 {
        factor *= at / (at + 0.5);
        at += 1.0;
    }
    let i = 1.0 / at;
    let i2 = i * i;
    let series = i * (-1.0 / 8.0 + i2 * (1.0 / 192.0 + i2 * (-1.0 / 640.0 + i2 * (17.0 / 14_336.0 - i2 * 31.0 / 18_432.0))));
    factor * at.sqrt() * series.exp()
}

/// The continued fraction of the incomplete beta function, by Lentz' method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let guard = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut out = d;
    for m in 1..TERMS_MAX {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        out *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let step = d * c;
        out *= step;
        if (step - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    out
}

/// P(Z <= z) of the standard normal distribution, with full relative precision in the lower tail.
pub fn normal_below(z: f64) -> f64 {
    let half = erfc(z.abs() * std::f64::consts::FRAC_1_SQRT_2) / 2.0;
    if z < 0.0 { half } else { 1.0 - half }
}

/// The complementary error function for x >= 0.
fn erfc(x: f64) -> f64 {
    let x2 = x * x;
    if x < 2.0 {
        // erf(x) = 2/√π · e^(-x²) · Σ 2^k x^(2k+1) / (1·3·…·(2k+1)); all terms are positive.
        let (mut term, mut sum) = (x, x);
        for k in 1..TERMS_MAX {
            term *= 2.0 * x2 / (2.0 * k as f64 + 1.0);
            sum += term;
            if term <= sum * f64::EPSILON {
                break;
            }
        }
        return 1.0 - 2.0 / std::f64::consts::PI.sqrt() * (-x2).exp() * sum;
    }
    // e^(-x²)/√π · 1/(x + ½/(x + 1/(x + 3/2/(x + …)))), from the inside out.
    let inner = (1..=120).rev().fold(x, |below, k| x + k as f64 / 2.0 / below);
    (-x2).exp() / (std::f64::consts::PI.sqrt() * inner)
}

/// P(K > x) of Kolmogorov's distribution: 2 Σ (-1)^(k-1) e^(-2 k² x²).
pub fn kolmogorov_above(x: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x < 1.0 {
        // The same function as a theta series that converges for small x: 1 - √(2π)/x · Σ e^(-(2k-1)² π² / (8 x²)).
        let q = -std::f64::consts::PI.powi(2) / (8.0 * x * x);
        let sum: f64 = (1..=10).map(|k| (q * f64::from(2 * k - 1).powi(2)).exp()).sum();
        return if x <= 0.0 { 1.0 } else { 1.0 - (2.0 * std::f64::consts::PI).sqrt() / x * sum };
    }
    let term = |k: i32| (-2.0 * f64::from(k * k) * x * x).exp();
    2.0 * (1..=10).map(|k| if k % 2 == 1 { term(k) } else { -term(k) }).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-12 * want.abs(), "{got} is not {want}");
    }

    #[test]
    fn student_quantiles() {
        // mpmath with 40 digits; the last by SciPy.
        near(student_upper(0.05 / 6.0, 1.0), 38.18845929702561);
        near(student_upper(0.05 / 8.0, 2.0), 8.8602000346543);
        near(student_upper(0.05 / 10.0, 3.0), 5.840909309733357);
        near(student_upper(0.05 / 14.0, 5.0), 4.381752962166305);
        near(student_upper(0.05 / 20.0, 8.0), 3.832518685344343);
        near(student_upper(0.05 / 42.0, 19.0), 3.50265593862655);
        near(student_upper(0.05 / 120.0, 58.0), 3.5253343935378285);
        near(student_upper(0.05 / 576.0, 286.0), 3.8047490191787086);
        near(student_upper(0.05 / 2880.0, 1438.0), 4.153148190828615);
        near(student_upper(0.05 / 17280.0, 8638.0), 4.536854663719031);
        near(student_upper(0.05 / 172800.0, 86398.0), 4.998567722450896);
        assert!((student_upper(0.05 / 2e8, 1e8 - 2.0) - 6.219105190936164).abs() < 1e-9);
        near(student_upper(0.25, 1.0), 1.0);
        assert!(student_upper(0.05, 0.0).is_nan() && student_upper(0.05, -1.0).is_nan() && student_upper(0.5, 3.0).is_nan());
    }

    #[test]
    fn normal_and_kolmogorov() {
        // mpmath with 40 digits.
        near(normal_below(-8.0), 6.220960574271784e-16);
        near(normal_below(-5.5), 1.8989562465887718e-08);
        near(normal_below(-3.0), 0.0013498980316300946);
        near(normal_below(-2.9), 0.0018658133003840384);
        near(normal_below(-2.8), 0.0025551303304279342);
        near(normal_below(-1.0), 0.15865525393145705);
        near(normal_below(-0.1), 0.460172162722971);
        near(normal_below(0.0), 0.5);
        near(normal_below(0.3), 0.6179114221889527);
        near(normal_below(1.5), 0.9331927987311419);
        near(normal_below(3.0), 0.9986501019683699);
        near(normal_below(7.0), 0.9999999999987201);
        near(kolmogorov_above(0.2), 0.999999999999495);
        near(kolmogorov_above(0.5), 0.9639452436648751);
        near(kolmogorov_above(0.9), 0.39273070794065434);
        near(kolmogorov_above(1.0), 0.2699996716773545);
        near(kolmogorov_above(1.1), 0.17771819260640118);
        near(kolmogorov_above(1.7), 0.006177430634444126);
        near(kolmogorov_above(3.5), 4.579469691291106e-11);
        assert_eq!(kolmogorov_above(0.0), 1.0);
        assert!(kolmogorov_above(f64::NAN).is_nan());
    }
}
