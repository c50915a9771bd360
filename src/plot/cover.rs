//! How much of each pixel a shape covers, exactly: the signed area method that font renderers use.
//!
//! Each edge adds, to the pixels that it passes, the area to its right; summed up along a row this is the covered share.
//! Shapes that turn the same way may overlap: a share never counts more than once. Rows that no edge touched cost nothing.

use std::ops::Range;

/// Columns that have been touched in a row.
#[derive(Clone, Copy)]
struct Span {
    from: u32,
    to: u32,
}

const UNTOUCHED: Span = Span { from: u32::MAX, to: 0 };

/// Cells of a cache line.
const LINE: usize = 16;
/// Shares below this are nothing.
const SHARE_MIN: f32 = 1.0 / 512.0;
/// Cells that are looked at together: most are empty.
const TOGETHER: usize = 8;

/// An empty or half filled mask.
pub struct Cover {
    width: usize,
    /// Cells of a row; at least two more than there are columns, so that an edge at the right side has where to put its rest.
    stride: usize,
    cells: Vec<f32>,
    rows: Vec<Span>,
    /// The first row.
    base: usize,
    /// Rows that have been touched.
    touched: Span,
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
}

impl Cover {
    /// For these rows of an image of this width.
    pub fn new(width: usize, rows: Range<usize>) -> Cover {
        let height = rows.len();
        // An odd number of cache lines: cells below each other, which steep lines need together, share no place in the cache.
        let stride = ((width + 2).div_ceil(LINE) | 1) * LINE;
        Cover {
            width,
            stride,
            cells: vec![0.0; stride * height],
            rows: vec![UNTOUCHED; height],
            base: rows.start,
            touched: UNTOUCHED,
            left: 0.0,
            right: width as f32,
            top: rows.start as f32,
            bottom: rows.end as f32,
        }
    }

    /// Nothing outside these columns and rows is covered from now on.
    pub fn bounds(&mut self, left: f32, top: f32, right: f32, bottom: f32) {
        let (width, first, end) = (self.width as f32, self.base as f32, (self.base + self.rows.len()) as f32);
        self.left = left.clamp(0.0, width);
        self.right = right.clamp(self.left, width);
        self.top = top.clamp(first, end);
        self.bottom = bottom.clamp(self.top, end);
    }

    /// Whether what lies between these heights can cover anything.
    pub fn meets(&self, top: f32, bottom: f32) -> bool {
        bottom >= self.top && top <= self.bottom
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
        let (turn, (x0, y0), (x1, y1)) = if from.1 < to.1 { (1.0, from, to) } else { (-1.0, to, from) };
        let (start, end) = (y0.max(self.top), y1.min(self.bottom));
        if !(y1 - y0 > 0.0 && x0.is_finite() && x1.is_finite() && start < end) {
            return;
        }
        let slope = (x1 - x0) / (y1 - y0);
        let mut x = x0 + (start - y0) * slope;
        // Whole numbers of 32 bits: the processor has an instruction for those.
        let first = start as i32;
        let last = end as i32 + i32::from((end as i32 as f32) < end);
        self.touched = Span { from: self.touched.from.min(first as u32), to: self.touched.to.max(last as u32) };
        let (left, right) = (self.left, self.right);
        let rows = self.rows.iter_mut().zip(self.cells.chunks_exact_mut(self.stride));
        for (row, (span, cells)) in (first..last).zip(rows.skip(first as usize - self.base)) {
            let height = end.min(row as f32 + 1.0) - start.max(row as f32);
            let next = x + slope * height;
            part(span, cells, x.clamp(left, right), next.clamp(left, right), height * turn);
            x = next;
        }
    }

    /// Gives each covered pixel with its row, its column and its share, and empties the mask. Shares too small to be seen
    /// are left out: between two edges far apart a row is mostly empty.
    pub fn drain(&mut self, mut take: impl FnMut(usize, usize, f32)) {
        let (columns, base) = (self.right as usize, self.base);
        let Span { from: first, to: last } = std::mem::replace(&mut self.touched, UNTOUCHED);
        let (first, last) = ((first as usize).saturating_sub(base), (last as usize).saturating_sub(base));
        for (row, span) in self.rows.iter_mut().enumerate().take(last).skip(first) {
            let Span { from, to } = std::mem::replace(span, UNTOUCHED);
            let (start, from, to) = (row * self.stride, from as usize, (to as usize).min(self.stride));
            let Some(cells) = self.cells.get_mut(start + from..start + to) else { continue };
            let mut sum = 0.0f32;
            for (nth, cells) in cells.chunks_mut(TOGETHER).enumerate() {
                if sum.abs() < SHARE_MIN && cells.iter().fold(0, |bits, cell| bits | cell.to_bits()) == 0 {
                    continue;
                }
                for (at, cell) in cells.iter_mut().enumerate() {
                    sum += std::mem::take(cell);
                    let (share, column) = (sum.abs(), from + nth * TOGETHER + at);
                    if share >= SHARE_MIN && column < columns {
                        take(base + row, column, share.min(1.0));
                    }
                }
            }
        }
    }
}

/// Adds the part of an edge within one row: between columns `x0` and `x1`, `height` of a pixel high.
fn part(span: &mut Span, cells: &mut [f32], x0: f32, x1: f32, height: f32) {
    let (x0, x1) = if x0 < x1 { (x0, x1) } else { (x1, x0) };
    let from = x0 as i32;
    let base = from as f32;
    span.from = span.from.min(from as u32);
    let Some(cells) = cells.get_mut(from as usize..) else { return };
    if x1 <= base + 1.0 {
        span.to = span.to.max(from as u32 + 2);
        let right = height * ((x0 + x1) * 0.5 - base);
        if let [a, b, ..] = cells {
            *a += height - right;
            *b += right;
        }
        return;
    }
    let columns = x1 as i32 + i32::from((x1 as i32 as f32) < x1) - from;
    span.to = span.to.max((from + columns) as u32 + 1);
    // The share of the edge that lies in each column, and within it the share to the right of the edge.
    let per_column = height / (x1 - x0);
    let mut carried = 0.0;
    for (at, cell) in cells.iter_mut().enumerate().take(columns as usize) {
        let column = base + at as f32;
        let (a, b) = (x0.max(column), x1.min(column + 1.0));
        let share = per_column * (b - a);
        let right = share * ((a + b) * 0.5 - column);
        *cell += carried + share - right;
        carried = right;
    }
    if let Some(cell) = cells.get_mut(columns as usize) {
        *cell += carried;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: usize, height: usize, outlines: &[&[(f32, f32)]]) -> Vec<Vec<f32>> {
        let mut cover = Cover::new(width, 0..height);
        outlines.iter().for_each(|spots| cover.outline(spots));
        let mut out = vec![vec![0.0; width]; height];
        cover.drain(|row, column, share| out[row][column] = share);
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
        cover.drain(|row, column, share| {
            assert!((1..3).contains(&row) && (1..3).contains(&column) && share == 1.0, "{row} {column} {share}");
            cells += 1;
        });
        assert_eq!(cells, 4);
    }
}
