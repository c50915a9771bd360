//! How much of each pixel a shape covers, exactly.
//!
//! Each edge adds the area below it to the pixels of the columns that it passes; summed up down a column this is the covered
//! share. From one pixel to the next a straight edge's area grows evenly, so what is noted is where that growth changes:
//! three rows at either end. An edge costs the same however steep it is, and the columns of a strip are summed up together.
//!
//! Numbers are whole, so that what an outline adds it takes away to the last digit, and nothing trickles down below it.
//! Shapes that turn the same way may overlap: a share never counts more than once. Strips that no edge touched cost nothing.

use std::ops::Range;

/// Columns of a strip: a cache line of numbers.
pub const STRIP: usize = 16;
/// A pixel that is covered whole. Thirty thousand outlines may lie over it before a number runs over.
pub const WHOLE: i32 = 1 << 16;
/// Edges that are less high in a column, in rows, have one height.
const FLAT: f64 = 1.0 / 256.0;
/// Rows below an edge's last one in which it notes something.
const BELOW: usize = 3;

/// Rows that have been touched in a strip.
#[derive(Clone, Copy)]
struct Span {
    from: usize,
    to: usize,
}

const UNTOUCHED: Span = Span { from: usize::MAX, to: 0 };

/// An empty or half filled mask.
pub struct Cover {
    /// Strip by strip, row by row: by how much the growth of the share changes there.
    cells: Vec<[i32; STRIP]>,
    strips: Vec<Span>,
    /// Rows of a strip in `cells`.
    stride: usize,
    /// The first row; the limits count from it.
    base: f64,
    width: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Cover {
    /// For these rows of an image of this width.
    pub fn new(width: usize, rows: Range<usize>) -> Cover {
        let (stride, strips) = (rows.len() + BELOW, width.div_ceil(STRIP));
        Cover {
            cells: vec![[0; STRIP]; stride * strips],
            strips: vec![UNTOUCHED; strips],
            stride,
            base: rows.start as f64,
            width: width as f64,
            left: 0.0,
            right: width as f64,
            top: 0.0,
            bottom: rows.len() as f64,
        }
    }

    /// Nothing outside these columns and rows, whole numbers, is covered from now on.
    pub fn bounds(&mut self, left: f32, top: f32, right: f32, bottom: f32) {
        let height = (self.stride - BELOW) as f64;
        self.left = f64::from(left).clamp(0.0, self.width);
        self.right = f64::from(right).clamp(self.left, self.width);
        self.top = (f64::from(top) - self.base).clamp(0.0, height);
        self.bottom = (f64::from(bottom) - self.base).clamp(self.top, height);
    }

    /// Whether what lies between these heights can cover anything.
    pub fn meets(&self, top: f32, bottom: f32) -> bool {
        f64::from(bottom) - self.base >= self.top && f64::from(top) - self.base <= self.bottom
    }

    /// Adds a closed outline.
    pub fn outline(&mut self, spots: &[(f32, f32)]) {
        let Some(&last) = spots.last() else { return };
        let mut from = last;
        for &to in spots {
            self.edge(from, to);
            from = to;
        }
    }

    /// Adds one edge of an outline.
    pub fn edge(&mut self, from: (f32, f32), to: (f32, f32)) {
        let (turn, from, to) = if from.0 < to.0 { (f64::from(WHOLE), from, to) } else { (f64::from(-WHOLE), to, from) };
        let (x0, x1) = (f64::from(from.0), f64::from(to.0));
        let (start, end) = (x0.max(self.left), x1.min(self.right));
        let (y0, y1) = (f64::from(from.1) - self.base, f64::from(to.1) - self.base);
        if !(start < end && (x1 - x0 + y0 + y1).is_finite()) {
            return;
        }
        if y0 == y1 {
            return self.flat(turn, (start, end), y0.clamp(self.top, self.bottom));
        }
        let (slope, growth) = ((y1 - y0) / (x1 - x0), (x1 - x0) / (y1 - y0) * turn);
        let (mut x, mut y) = (start, y0 + (start - x0) * slope);
        for column in start as usize.. {
            let next = end.min((column + 1) as f64);
            let then = y0 + (next - x0) * slope;
            let piece = Piece { column, x: (x, next), y: (y, then), turn, growth };
            if y.min(then) >= self.top && y.max(then) <= self.bottom {
                self.add(piece);
            } else {
                self.add_cut(piece);
            }
            if next >= end {
                break;
            }
            (x, y) = (next, then);
        }
    }

    /// Adds a flat edge, which frames and grids have many of and which may go over many columns.
    fn flat(&mut self, turn: f64, (start, end): (f64, f64), y: f64) {
        let row = whole(y - 0.5);
        let (part, row) = (f64::from(row + 1) - y, row as usize);
        for strip in start as usize / STRIP..(end.ceil() as usize).div_ceil(STRIP) {
            let Some(span) = self.strips.get_mut(strip) else { return };
            *span = Span { from: span.from.min(row), to: span.to.max(row + BELOW) };
            let at = strip * self.stride + row;
            let Some([a, b, c]) = self.cells.get_mut(at..at + BELOW) else { return };
            for (lane, ((a, b), c)) in a.iter_mut().zip(b).zip(c).enumerate() {
                let left = (strip * STRIP + lane) as f64;
                let width = whole((left + 1.0).clamp(start, end) * turn).wrapping_sub(whole(left.clamp(start, end) * turn));
                let [first, second, third] = level(width, part);
                *a = a.wrapping_add(first);
                *b = b.wrapping_add(second);
                *c = c.wrapping_add(third);
            }
        }
    }

    /// Adds a piece of which something lies above or below the limits: that counts at the limit.
    fn add_cut(&mut self, piece: Piece) {
        let ((x0, x1), (y0, y1)) = (piece.x, piece.y);
        let (from, to) = (y0.clamp(self.top, self.bottom), y1.clamp(self.top, self.bottom));
        if from == to {
            return self.add(Piece { y: (from, to), ..piece });
        }
        let reaches = |limit: f64| if y0 == limit { x0 } else { (x0 + (limit - y0) / (y1 - y0) * (x1 - x0)).clamp(x0, x1) };
        let (enters, leaves) = (if y0 == from { x0 } else { reaches(from) }, if y1 == to { x1 } else { reaches(to) });
        self.add(Piece { x: (x0, enters), y: (from, from), ..piece });
        self.add(Piece { x: (enters, leaves), y: (from, to), ..piece });
        self.add(Piece { x: (leaves, x1), y: (to, to), ..piece });
    }

    /// Adds a piece. There is no choice between flat and steep ones here: guessing it wrong takes longer than all of this.
    #[inline(always)]
    fn add(&mut self, piece: Piece) {
        let Piece { column, x: (x0, x1), y: (y0, y1), turn, growth } = piece;
        let width = whole(x1 * turn).wrapping_sub(whole(x0 * turn));
        let growth = if (y1 - y0).abs() < FLAT { 0.0 } else { growth };
        let (row0, row1) = (whole(y0 - 0.5), whole(y1 - 0.5));
        let (part0, part1) = (f64::from(row0 + 1) - y0, f64::from(row1 + 1) - y1);
        let (start, end) = (Onset::new(growth, part0), Onset::new(growth, part1));
        // A flat edge's all; else what rounding has left.
        let grown = start.each.wrapping_mul(row1 - row0) + (start.first - start.third) - (end.first - end.third);
        let rest = level(width - grown, part1);
        let (strip, lane) = (column / STRIP, column % STRIP);
        let (row0, row1) = (row0 as usize, row1 as usize);
        let Some(span) = self.strips.get_mut(strip) else { return };
        *span = Span { from: span.from.min(row0.min(row1)), to: span.to.max(row0.max(row1) + BELOW) };
        let base = strip * self.stride;
        if let Some([a, b, c]) = self.cells.get_mut(base + row0..base + row0 + BELOW) {
            note(a, lane, start.first);
            note(b, lane, start.each - start.first - start.third);
            note(c, lane, start.third);
        }
        if let Some([a, b, c]) = self.cells.get_mut(base + row1..base + row1 + BELOW) {
            note(a, lane, rest[0] - end.first);
            note(b, lane, rest[1] - (end.each - end.first - end.third));
            note(c, lane, rest[2] - end.third);
        }
    }

    /// Gives the shares of a strip's row, of [`WHOLE`], with the row and the first column, where any pixel is covered, and
    /// empties the mask.
    pub fn drain(&mut self, mut take: impl FnMut(usize, usize, &[i32; STRIP])) {
        let (base, bottom) = (self.base as usize, self.bottom as usize);
        for (nth, (span, cells)) in self.strips.iter_mut().zip(self.cells.chunks_exact_mut(self.stride)).enumerate() {
            let Span { from, to } = std::mem::replace(span, UNTOUCHED);
            let (mut growth, mut sum) = ([0i32; STRIP], [0i32; STRIP]);
            for (row, cells) in cells.iter_mut().enumerate().take(to).skip(from) {
                let (mut shares, mut any) = ([0i32; STRIP], 0);
                for (((cell, growth), sum), share) in cells.iter_mut().zip(&mut growth).zip(&mut sum).zip(&mut shares) {
                    *growth = growth.wrapping_add(*cell);
                    *sum = sum.wrapping_add(*growth);
                    *cell = 0;
                    *share = sum.wrapping_abs().min(WHOLE);
                    any |= *share;
                }
                if any > 0 && row < bottom {
                    take(base + row, nth * STRIP, &shares);
                }
            }
        }
    }
}

/// The part of an edge within a column.
struct Piece {
    column: usize,
    /// From left to right.
    x: (f64, f64),
    y: (f64, f64),
    /// [`WHOLE`], or less than nothing where the edge goes to the left.
    turn: f64,
    /// By how much the share grows from row to row.
    growth: f64,
}

/// Where an edge begins or ends: how its growth sets in, over three rows.
struct Onset {
    first: i32,
    third: i32,
    /// All three.
    each: i32,
}

impl Onset {
    /// `part`: of the first row.
    fn new(growth: f64, part: f64) -> Onset {
        let (half, rest) = (growth * 0.5, 1.0 - part);
        Onset { first: whole(half * part * part), third: whole(half * rest * rest), each: whole(growth) }
    }
}

/// What an edge of one height notes in three rows; `part` of the first row lies below it.
fn level(width: i32, part: f64) -> [i32; BELOW] {
    let first = whole(f64::from(width) * part);
    [first, width - 2 * first, first - width]
}

/// The nearest whole number, of the lowest 32 bits: a conversion that looks for all that could be wrong takes three times as
/// long. A number of this size has no place for a fraction.
fn whole(number: f64) -> i32 {
    (number + 6_755_399_441_055_744.0).to_bits() as i32
}

fn note(row: &mut [i32; STRIP], lane: usize, by: i32) {
    if let Some(cell) = row.get_mut(lane) {
        *cell = cell.wrapping_add(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(cover: &mut Cover, mut take: impl FnMut(usize, usize, f32)) {
        cover.drain(|row, column, shares| {
            for (nth, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0) {
                take(row, column + nth, *share as f32 / WHOLE as f32);
            }
        });
    }

    fn drawn(width: usize, height: usize, outlines: &[&[(f32, f32)]]) -> Vec<Vec<f32>> {
        let mut cover = Cover::new(width, 0..height);
        outlines.iter().for_each(|spots| cover.outline(spots));
        let mut out = vec![vec![0.0; width]; height];
        drain(&mut cover, |row, column, share| out[row][column] = share);
        out
    }

    #[track_caller]
    fn check(got: &[Vec<f32>], want: &[&[f32]]) {
        let close = got.iter().flatten().zip(want.iter().copied().flatten()).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close, "{got:?}");
    }

    #[test]
    fn shares_are_exact() {
        let square: &[(f32, f32)] = &[(0.5, 0.5), (2.5, 0.5), (2.5, 2.0), (0.5, 2.0)];
        check(&drawn(4, 3, &[square]), &[&[0.25, 0.5, 0.25, 0.0], &[0.5, 1.0, 0.5, 0.0], &[0.0; 4]]);
        check(&drawn(4, 3, &[square, square]), &[&[0.5, 1.0, 0.5, 0.0], &[1.0, 1.0, 1.0, 0.0], &[0.0; 4]]);
        let slanted: &[(f32, f32)] = &[(0.0, 0.0), (4.0, 1.0), (0.0, 1.0)];
        check(&drawn(4, 1, &[slanted]), &[&[0.875, 0.625, 0.375, 0.125]]);
    }

    /// The share of a pixel that lies within three corners, of this many places a side.
    fn sampled(corners: &[(f32, f32)], row: usize, column: usize) -> f32 {
        const SIDE: usize = 16;
        let side = |(ax, ay): (f32, f32), (bx, by): (f32, f32), (x, y): (f32, f32)| (bx - ax) * (y - ay) - (by - ay) * (x - ax);
        let place = |nth: usize| {
            (column as f32 + ((nth % SIDE) as f32 + 0.5) / SIDE as f32, row as f32 + ((nth / SIDE) as f32 + 0.5) / SIDE as f32)
        };
        let within = (0..SIDE * SIDE).filter(|nth| {
            let sides = [0, 1, 2].map(|at| side(corners[at], corners[(at + 1) % 3], place(*nth)));
            sides.iter().all(|side| *side >= 0.0) || sides.iter().all(|side| *side <= 0.0)
        });
        within.count() as f32 / (SIDE * SIDE) as f32
    }

    #[test]
    fn shares_are_those_of_many_samples() {
        let mut seed = 5u64;
        let mut next = |from: f32, to: f32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            from + (to - from) * ((seed >> 40) as f32 / (1u64 << 24) as f32)
        };
        for round in 0..90 {
            // Large and small, thin and steep ones, over every side of the picture; some have a flat or an upright side.
            let (x, y, size) = (next(-5.0, 45.0), next(-5.0, 25.0), next(0.5, 60.0));
            let mut corners = [(); 3].map(|()| (x + next(-size, size), y + next(-size, size) * if round % 3 == 0 { 0.02 } else { 1.0 }));
            match round % 5 {
                0 => corners[1].1 = corners[0].1,
                1 => corners[1].0 = corners[0].0,
                2 => corners = corners.map(|(x, y)| (x.round(), y.round())),
                _ => {}
            }
            let mut cover = Cover::new(40, 10..30);
            cover.bounds(1.0, 11.0, 39.0, 28.0);
            cover.outline(&corners);
            let mut got = vec![vec![0.0; 40]; 30];
            drain(&mut cover, |row, column, share| got[row][column] = share);
            for (row, column) in (10..30).flat_map(|row| (0..40).map(move |column| (row, column))) {
                let within = (11..28).contains(&row) && (1..39).contains(&column);
                let want = if within { sampled(&corners, row, column) } else { 0.0 };
                let share = got[row][column];
                assert!((share - want).abs() < 0.08, "{corners:?}: {share} and {want} at {row} {column}");
            }
        }
    }

    #[test]
    fn what_is_outside_is_cut() {
        let wide: &[(f32, f32)] = &[(-1e5, -1e5), (1e5, -1e5), (1e5, 1e5), (-1e5, 1e5)];
        check(&drawn(2, 2, &[wide]), &[&[1.0, 1.0], &[1.0, 1.0]]);
        let right: &[(f32, f32)] = &[(1.5, -3.0), (9.0, -3.0), (9.0, 9.0), (1.5, 9.0)];
        check(&drawn(2, 1, &[right]), &[&[0.0, 0.5]]);
        check(&drawn(2, 1, &[&[(f32::NAN, 0.0), (1.0, 1.0), (2.0, f32::INFINITY)]]), &[&[0.0, 0.0]]);
        let mut cover = Cover::new(4, 0..4);
        cover.bounds(1.0, 1.0, 3.0, 3.0);
        cover.outline(wide);
        let mut cells = 0;
        drain(&mut cover, |row, column, share| {
            assert!((1..3).contains(&row) && (1..3).contains(&column) && share == 1.0, "{row} {column} {share}");
            cells += 1;
        });
        assert_eq!(cells, 4);
    }
}
