//! What becomes of a line's points before it is drawn: gnuplot's `smooth` variants.
//!
//! | variant | points |
//! | --- | --- |
//! | `unique` | the mean of equal times |
//! | `frequency`, `fnormal` | the sum of equal times; its share of all |
//! | `cumulative`, `cnormal` | the running sum; its share of all |
//! | `csplines`, `acsplines`, `mcsplines` | a curve through the points (natural cubic; monotone) |
//! | `bezier`, `sbezier` | a curve near the points |
//! | `bins`, `unwrap`, `zsort` | drawn as they are; [`is_drawn`] says so |

use super::options::Smooth;
use std::borrow::Cow;

/// Points of one line as it is drawn: milliseconds and value.
pub type Run = Vec<(f64, f64)>;

/// Points that a Bezier curve is made from, at most; more are averaged first.
const BEZIER_POINTS_MAX: usize = 2_000;
/// Points that a Bezier curve is drawn with.
const BEZIER_STEPS: usize = 400;

/// Whether the variant changes the line; the others are drawn as plain lines.
pub fn is_drawn(smooth: Smooth) -> bool {
    !matches!(smooth, Smooth::Bins | Smooth::Unwrap | Smooth::Zsort)
}

/// What a variant does to values before the axis is chosen.
pub fn values(points: &[(i64, f64)], smooth: Option<Smooth>) -> Cow<'_, [(i64, f64)]> {
    match smooth {
        Some(Smooth::Unique | Smooth::Sbezier | Smooth::Csplines | Smooth::Acsplines | Smooth::Mcsplines) => {
            if points.is_sorted_by(|a, b| a.0 < b.0) { Cow::Borrowed(points) } else { Cow::Owned(joined(points, true)) }
        }
        Some(Smooth::Frequency) => Cow::Owned(joined(points, false)),
        Some(Smooth::Fnormal) => Cow::Owned(share(joined(points, false))),
        Some(Smooth::Cumulative) => Cow::Owned(running(points)),
        Some(Smooth::Cnormal) => {
            let sums = running(points);
            let last = sums.last().map_or(1.0, |(_, sum)| *sum);
            Cow::Owned(sums.into_iter().map(|(at, sum)| (at, sum / last)).collect())
        }
        _ => Cow::Borrowed(points),
    }
}

/// The curve through, or near, points that are drawn `width` pixels wide.
pub fn curve(run: &Run, smooth: Option<Smooth>, width: f64) -> Option<Run> {
    match smooth? {
        Smooth::Csplines | Smooth::Acsplines => Some(sampled(run, &second_derivatives(run)?, width)),
        Smooth::Mcsplines => Some(hermite(run, width)),
        Smooth::Bezier | Smooth::Sbezier if run.len() > 2 => Some(bezier(run)),
        _ => None,
    }
}

/// One point for each time: the mean or the sum of its values.
fn joined(points: &[(i64, f64)], mean: bool) -> Vec<(i64, f64)> {
    let mut out: Vec<(i64, f64)> = Vec::with_capacity(points.len());
    let mut same = 0.0;
    for &(at, value) in points {
        match out.last_mut().filter(|last| last.0 == at) {
            Some(last) => {
                same += 1.0;
                last.1 = if mean { last.1 + (value - last.1) / same } else { last.1 + value };
            }
            None => {
                out.push((at, value));
                same = 1.0;
            }
        }
    }
    out
}

fn share(points: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
    let all: f64 = points.iter().map(|(_, value)| value).filter(|value| value.is_finite()).sum();
    points.into_iter().map(|(at, value)| (at, value / all)).collect()
}

fn running(points: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let mut sum = 0.0;
    let add = |&(at, value): &(i64, f64)| {
        sum += if value.is_finite() { value } else { 0.0 };
        (at, sum)
    };
    points.iter().map(add).collect()
}

/// Second derivatives of the natural cubic spline. `None` with fewer than three points, or where points are denser than
/// floating point numbers can tell.
fn second_derivatives(run: &Run) -> Option<Vec<f64>> {
    if run.len() < 3 {
        return None;
    }
    // Forward sweep of the tridiagonal system, then backward substitution.
    let mut upper = vec![0.0; run.len()];
    let mut bend = vec![0.0; run.len()];
    for (at, three) in run.windows(3).enumerate() {
        let &[(x0, y0), (x1, y1), (x2, y2)] = three else { continue };
        let (h0, h1) = (x1 - x0, x2 - x1);
        let (before, last) = (upper.get(at).copied()?, bend.get(at).copied()?);
        let diagonal = 2.0 * (h0 + h1) - h0 * before;
        *upper.get_mut(at + 1)? = h1 / diagonal;
        *bend.get_mut(at + 1)? = (6.0 * ((y2 - y1) / h1 - (y1 - y0) / h0) - h0 * last) / diagonal;
    }
    let mut next = 0.0;
    for (upper, bend) in upper.iter().zip(bend.iter_mut()).rev() {
        *bend -= upper * next;
        next = *bend;
    }
    bend.iter().all(|x| x.is_finite()).then_some(bend)
}

/// Points along the spline: about one for each two pixels.
fn sampled(run: &Run, bend: &[f64], width: f64) -> Run {
    let pieces = run.windows(2).zip(bend.windows(2));
    pieces_to_run(run, width, pieces, |&(((x0, y0), (x1, y1)), (m0, m1)), part| {
        let h = x1 - x0;
        let (a, b) = (1.0 - part, part);
        a * y0 + b * y1 + ((a * a * a - a) * m0 + (b * b * b - b) * m1) * h * h / 6.0
    })
}

type Piece = (((f64, f64), (f64, f64)), (f64, f64));

fn pieces_to_run<'a>(
    run: &Run,
    width: f64,
    pieces: impl Iterator<Item = (&'a [(f64, f64)], &'a [f64])>,
    value: impl Fn(&Piece, f64) -> f64,
) -> Run {
    let span = run.last().map_or(0.0, |l| l.0) - run.first().map_or(0.0, |f| f.0);
    let mut out = Vec::with_capacity(run.len() * 2);
    out.extend(run.first());
    for (ends, slopes) in pieces {
        let (&[from, to], &[m0, m1]) = (ends, slopes) else { continue };
        let piece = ((from, to), (m0, m1));
        let steps = ((to.0 - from.0) / span * width / 2.0).ceil().clamp(1.0, 2_000.0) as u32;
        for step in 1..steps {
            let part = f64::from(step) / f64::from(steps);
            out.push((from.0 + (to.0 - from.0) * part, value(&piece, part)));
        }
        out.push(to);
    }
    out
}

/// Monotone between points: no overshoot (Fritsch and Carlson).
fn hermite(run: &Run, width: f64) -> Run {
    let slope = |pair: &[(f64, f64)]| if let &[(x0, y0), (x1, y1)] = pair { (y1 - y0) / (x1 - x0) } else { 0.0 };
    let secants: Vec<f64> = run.windows(2).map(slope).collect();
    let mut slopes = Vec::with_capacity(run.len());
    slopes.extend(secants.first());
    for pair in secants.windows(2) {
        let &[a, b] = pair else { continue };
        slopes.push(if a * b <= 0.0 { 0.0 } else { 3.0_f64.min(2.0) * a * b / (a + b) });
    }
    slopes.extend(secants.last());
    pieces_to_run(run, width, run.windows(2).zip(slopes.windows(2)), |&(((x0, y0), (x1, y1)), (m0, m1)), t| {
        let (h, t2, t3) = (x1 - x0, t * t, t * t * t);
        (2.0 * t3 - 3.0 * t2 + 1.0) * y0 + (t3 - 2.0 * t2 + t) * h * m0 + (3.0 * t2 - 2.0 * t3) * y1 + (t3 - t2) * h * m1
    })
}

/// The Bezier curve whose control points are the points. Weights are computed by their logarithms: binomials of thousands of
/// points fit no number.
fn bezier(run: &Run) -> Run {
    let chunk = run.len().div_ceil(BEZIER_POINTS_MAX);
    let mean = |points: &[(f64, f64)]| {
        let n = points.len() as f64;
        (points.iter().map(|p| p.0 / n).sum::<f64>(), points.iter().map(|p| p.1 / n).sum::<f64>())
    };
    let control: Run = run.chunks(chunk).map(mean).collect();
    let degree = control.len().saturating_sub(1);
    let mut logs = vec![0.0; degree + 1]; // ln of the binomials
    let mut log = 0.0;
    for (at, place) in logs.iter_mut().enumerate().skip(1) {
        log += ((degree + 1 - at) as f64).ln() - (at as f64).ln();
        *place = log;
    }
    let mut out = Vec::with_capacity(BEZIER_STEPS + 1);
    out.extend(control.first());
    for step in 1..BEZIER_STEPS {
        let t = step as f64 / BEZIER_STEPS as f64;
        let (ln_t, ln_rest) = (t.ln(), (1.0 - t).ln());
        let (mut x, mut y) = (0.0, 0.0);
        for (at, (point, log)) in control.iter().zip(&logs).enumerate() {
            let weight = (log + at as f64 * ln_t + (degree - at) as f64 * ln_rest).exp();
            x += weight * point.0;
            y += weight * point.1;
        }
        out.push((x, y));
    }
    out.extend(control.last());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_are_joined() {
        let points = [(1, 2.0), (1, 4.0), (2, 6.0)];
        assert_eq!(values(&points, Some(Smooth::Unique)).as_ref(), [(1, 3.0), (2, 6.0)]);
        assert_eq!(values(&points, Some(Smooth::Frequency)).as_ref(), [(1, 6.0), (2, 6.0)]);
        assert_eq!(values(&points, Some(Smooth::Fnormal)).as_ref(), [(1, 0.5), (2, 0.5)]);
        assert_eq!(values(&points, Some(Smooth::Cumulative)).as_ref(), [(1, 2.0), (1, 6.0), (2, 12.0)]);
        assert_eq!(values(&points, Some(Smooth::Cnormal)).as_ref().last(), Some(&(2, 1.0)));
        assert!(matches!(values(&points, None), Cow::Borrowed(_)));
        assert!(!is_drawn(Smooth::Zsort) && is_drawn(Smooth::Bezier));
    }

    #[test]
    fn splines_go_through_their_points() {
        let run: Run = vec![(0.0, 0.0), (1.0, 1.0), (2.0, 0.0), (4.0, 3.0), (5.0, 3.0)];
        for smooth in [Smooth::Csplines, Smooth::Acsplines, Smooth::Mcsplines] {
            let curve = curve(&run, Some(smooth), 100.0).expect("a curve");
            assert!(curve.len() > 40 && curve.is_sorted_by(|a, b| a.0 < b.0), "{smooth:?}");
            assert!(run.iter().all(|p| curve.contains(p)), "{smooth:?}");
        }
        // A straight line stays one; a monotone curve does not overshoot.
        let line: Run = (0..5).map(|i| (f64::from(i), f64::from(i) * 2.0)).collect();
        assert!(curve(&line, Some(Smooth::Csplines), 50.0).unwrap().iter().all(|(x, y)| (y - 2.0 * x).abs() < 1e-9));
        assert!(curve(&run, Some(Smooth::Mcsplines), 500.0).unwrap().iter().all(|(_, y)| (-1e-9..=3.0 + 1e-9).contains(y)));
        assert_eq!(curve(&vec![(0.0, 1.0), (1.0, 2.0)], Some(Smooth::Csplines), 9.0), None);
    }

    #[test]
    fn beziers_begin_and_end_at_the_ends() {
        let run: Run = (0..10_000).map(|i| (f64::from(i), if i % 2 == 0 { 0.0 } else { 10.0 })).collect();
        let curve = curve(&run, Some(Smooth::Bezier), 500.0).unwrap();
        assert!(curve.len() <= BEZIER_STEPS + 1);
        assert!(curve.iter().skip(5).take(380).all(|(_, y)| (y - 5.0).abs() < 1.0));
    }
}
