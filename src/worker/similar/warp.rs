//! FastDTW (Salvador and Chan, 2004) as Oculus runs it: dynamic time warping inside a band.
//!
//! Both series are halved until one is short; the best way through that small table becomes a band in the table twice as
//! large, widened by `radius`, and so on up. In Oculus the halved series have lost their values (they are built with no
//! dimension), so that all differences below the full resolution are 0 and the way through them is decided by the rule
//! for equal costs alone. The band therefore depends on nothing but the two lengths and the radius: it is drawn once and
//! kept. A radius near the length of the series gives the exact distance. Vectors: kit `oculus/scores`.

use std::collections::HashMap;

/// The distance of two series, and the way through them.
#[derive(Clone, Debug, PartialEq)]
pub struct Warp {
    /// Sum of the differences along the way.
    pub distance: f64,
    /// Which value of the one stands beside which of the other, from the first to the last.
    pub path: Vec<(usize, usize)>,
}

/// Into how many values each value of the halved series goes: two, and three here and there where the number is odd.
fn runs(n: usize) -> Vec<usize> {
    let half = n / 2;
    let length = n as f64 / half as f64;
    let end = |k: usize| ((length * k as f64 + 0.5).floor() as usize).min(n);
    (1..=half).map(|k| end(k) - if k == 1 { 0 } else { end(k - 1) }).collect()
}

/// Which rows of each column of the table are looked at: from, to (included).
#[derive(Debug)]
struct Band {
    columns: Vec<(usize, usize)>,
    rows: usize,
}

/// A column of which nothing is marked yet.
const NOTHING: (usize, usize) = (usize::MAX, 0);

impl Band {
    /// The band for two series of these lengths.
    fn draw(columns: usize, rows: usize, radius: usize) -> Band {
        if columns.min(rows) <= radius.saturating_add(2) {
            return Band { columns: vec![(0, rows.saturating_sub(1)); columns], rows };
        }
        let coarse = Band::draw(columns / 2, rows / 2, radius);
        let mut path = Vec::new();
        coarse.trace(|_, _| 0.0, &mut path);
        let mut band = Band { columns: vec![NOTHING; columns], rows };
        band.project(&path, &runs(columns), &runs(rows));
        if radius > 0 {
            band.widen(1);
            band.widen(radius - 1);
        }
        band
    }

    fn mark(&mut self, column: usize, from: usize, to: usize) {
        if let Some(marked) = self.columns.get_mut(column) {
            *marked = (marked.0.min(from), marked.1.max(to));
        }
    }

    /// The way through the coarser table, drawn in this one.
    fn project(&mut self, path: &[(usize, usize)], a: &[usize], b: &[usize]) {
        let run = |runs: &[usize], at: usize| runs.get(at).copied().unwrap_or(1);
        let (mut column, mut row) = (0, 0);
        let mut last: Option<(usize, usize)> = None;
        for &(i, j) in path {
            let (right, down) = last.map_or((false, false), |(li, lj)| (i > li, j > lj));
            if let Some((li, lj)) = last {
                column += if right { run(a, li) } else { 0 };
                row += if down { run(b, lj) } else { 0 };
            }
            if right && down {
                self.mark(column - 1, row, row);
                self.mark(column, row - 1, row - 1);
            }
            for x in column..column + run(a, i) {
                self.mark(x, row, row + run(b, j) - 1);
            }
            last = Some((i, j));
        }
    }

    /// Every cell reaches `radius` cells in eight directions, or as far as the table goes.
    fn widen(&mut self, radius: usize) {
        if radius == 0 {
            return;
        }
        let before = self.columns.clone();
        let (last_column, last_row) = (before.len().saturating_sub(1), self.rows.saturating_sub(1));
        for (c, &(from, to)) in before.iter().enumerate() {
            if from > to {
                continue;
            }
            self.mark(c, from.saturating_sub(radius), (to + radius).min(last_row));
            self.mark(c.saturating_sub(radius), from, to);
            self.mark((c + radius).min(last_column), from, to);
            // A diagonal ends at the side it meets first: cells near the upper or lower side reach less far.
            for (side, room) in [(Side::Left, c), (Side::Right, last_column - c)] {
                let far = radius.min(room);
                self.diagonals(side, c, far, (from, to), last_row);
            }
        }
    }

    fn diagonals(&mut self, side: Side, c: usize, far: usize, (from, to): (usize, usize), last_row: usize) {
        let at = |reach: usize| match side {
            Side::Left => c - reach,
            Side::Right => c + reach,
        };
        if from + far <= last_row {
            self.mark(at(far), from + far, to.min(last_row - far) + far);
        }
        if to >= far {
            self.mark(at(far), from.max(far) - far, to - far);
        }
        for reach in 1..far {
            if (from..=to).contains(&(last_row.wrapping_sub(reach))) {
                self.mark(at(reach), last_row, last_row);
            }
            if (from..=to).contains(&reach) {
                self.mark(at(reach), 0, 0);
            }
        }
    }

    /// The way back from the last cell: diagonally where that is not dearer than either side, else the cheaper side;
    /// where both sides cost the same, towards the diagonal of the table. `cost` is asked for cells of the band only.
    fn trace(&self, cost: impl Fn(usize, usize) -> f64, path: &mut Vec<(usize, usize)>) {
        let cost = |i: Option<usize>, j: Option<usize>| -> f64 {
            let (Some(i), Some(j)) = (i, j) else { return f64::INFINITY };
            let inside = self.columns.get(i).is_some_and(|(from, to)| (*from..=*to).contains(&j));
            if inside { cost(i, j) } else { f64::INFINITY }
        };
        let (mut i, mut j) = (self.columns.len().saturating_sub(1), self.rows.saturating_sub(1));
        path.clear();
        path.push((i, j));
        while i > 0 || j > 0 {
            let (before, below) = (i.checked_sub(1), j.checked_sub(1));
            let (diagonal, left, down) = (cost(before, below), cost(before, Some(j)), cost(Some(i), below));
            let straight = diagonal <= left && diagonal <= down;
            let leftwards = left < diagonal && left < down;
            let downwards = down < diagonal && down < left;
            // With NaN every comparison is false, and the last rule decides.
            let downwards = downwards || (!straight && !leftwards && i <= j);
            if straight || !downwards {
                i = i.saturating_sub(1);
            }
            if straight || downwards {
                j = j.saturating_sub(1);
            }
            path.push((i, j));
        }
        path.reverse();
    }
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// Bands of so many other lengths are kept.
const BANDS_KEPT: usize = 256;

/// One series, to be compared with many; keeps its buffers. One a thread.
#[derive(Debug)]
pub struct Warper {
    query: Vec<f64>,
    radius: usize,
    /// Bands by the length of the candidate.
    bands: HashMap<usize, Band>,
    columns: Columns,
}

impl Warper {
    /// Compares with `query`. A larger `radius` finds ways closer to the best and takes longer.
    pub fn new(query: &[f64], radius: usize) -> Warper {
        Warper { query: query.to_vec(), radius, bands: HashMap::new(), columns: Columns::default() }
    }

    /// The distance alone. Nothing if either side is empty.
    pub fn distance(&mut self, candidate: &[f64]) -> Option<f64> {
        self.run(candidate, |_| {}).map(|(distance, _)| distance)
    }

    /// Distance and way.
    pub fn warp(&mut self, candidate: &[f64]) -> Option<Warp> {
        let mut costs = Vec::new();
        let (distance, band) = self.run(candidate, |column| costs.push(column.to_vec()))?;
        let cost = |i: usize, j: usize| -> Option<f64> {
            let (from, _) = band.columns.get(i)?;
            costs.get(i)?.get(j - from).copied()
        };
        let mut path = Vec::new();
        band.trace(|i, j| cost(i, j).unwrap_or(f64::INFINITY), &mut path);
        Some(Warp { distance, path })
    }

    fn run(&mut self, candidate: &[f64], done: impl FnMut(&[f64])) -> Option<(f64, &Band)> {
        if self.query.is_empty() || candidate.is_empty() {
            return None;
        }
        if self.bands.len() >= BANDS_KEPT && !self.bands.contains_key(&candidate.len()) {
            self.bands.clear();
        }
        let draw = || Band::draw(self.query.len(), candidate.len(), self.radius);
        let band = self.bands.entry(candidate.len()).or_insert_with(draw);
        Some((self.columns.fill(&self.query, candidate, band, done)?, band))
    }
}

/// Costs of the column before and of this one, one cell longer than a column: the first stands for the row below.
#[derive(Debug, Default)]
struct Columns {
    before: Vec<f64>,
    now: Vec<f64>,
}

impl Columns {
    /// The cost of the best way to each cell of the band; that of the last one is the distance. `done` sees each column.
    fn fill(&mut self, a: &[f64], b: &[f64], band: &Band, mut done: impl FnMut(&[f64])) -> Option<f64> {
        let (before, now) = (&mut self.before, &mut self.now);
        for column in [&mut *before, &mut *now] {
            column.clear();
            column.resize(b.len() + 1, f64::INFINITY);
        }
        // The way begins diagonally below the first cell.
        *before.first_mut()? = 0.0;
        for (&value, &(from, to)) in a.iter().zip(&band.columns) {
            let (left, diagonal, others) = (before.get(from + 1..to + 2)?, before.get(from..to + 1)?, b.get(from..=to)?);
            let cells = now.get_mut(from + 1..to + 2)?;
            let mut below = f64::INFINITY;
            for (((cost, left), diagonal), other) in cells.iter_mut().zip(left).zip(diagonal).zip(others) {
                let cheapest = if left < diagonal { *left } else { *diagonal };
                let cheapest = if below < cheapest { below } else { cheapest };
                below = cheapest + (value - other).abs();
                *cost = below;
            }
            done(cells);
            std::mem::swap(before, now);
            now.fill(f64::INFINITY);
        }
        before.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_reach_to_the_sides() {
        // Cell by cell, as the rule is told; the band does it a column at a time.
        fn slow(columns: &[(usize, usize)], rows: usize, radius: usize) -> Vec<(usize, usize)> {
            let mut out = columns.to_vec();
            for (c, &(from, to)) in columns.iter().enumerate() {
                for row in from..=to {
                    for (x, y) in [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)] {
                        let room = |at: usize, last: usize, step: i32| match step {
                            -1 => at,
                            1 => last - at,
                            _ => usize::MAX,
                        };
                        let reach = radius.min(room(c, columns.len() - 1, x)).min(room(row, rows - 1, y)) as i32;
                        let (cc, rr) = ((c as i32 + x * reach) as usize, (row as i32 + y * reach) as usize);
                        out[cc] = (out[cc].0.min(rr), out[cc].1.max(rr));
                    }
                }
            }
            out
        }
        let mut seed = 1_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        for _ in 0..3_000 {
            let (columns, rows, radius) = (1 + random(12), 1 + random(12), random(8));
            let marked: Vec<_> = (0..columns)
                .map(|_| {
                    let (a, b) = (random(rows), random(rows));
                    (a.min(b), a.max(b))
                })
                .collect();
            let mut band = Band { columns: marked.clone(), rows };
            band.widen(radius);
            assert_eq!(band.columns, slow(&marked, rows, radius), "{marked:?} {rows} {radius}");
        }
    }

    #[test]
    fn runs_of_halves() {
        assert_eq!(runs(4), [2, 2]);
        assert_eq!(runs(5), [3, 2]);
        assert_eq!(runs(59).iter().sum::<usize>(), 59);
        assert_eq!(runs(3), [3]);
    }

    #[test]
    fn nothing_to_compare() {
        assert_eq!(Warper::new(&[], 5).distance(&[1.0]), None);
        assert_eq!(Warper::new(&[1.0], 5).distance(&[]), None);
        assert_eq!(Warper::new(&[1.0], 5).warp(&[3.0]), Some(Warp { distance: 2.0, path: vec![(0, 0)] }));
    }
}
