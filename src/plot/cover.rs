//! How much of each pixel a shape covers, exactly: the signed area method that font renderers use.
//!
//! Each edge adds, to the pixels that it passes, the area to its right; summed up along a row this is the covered share.
//! Shapes that turn the same way may overlap: a share never counts more than once. Rows that no edge touched cost nothing.

/// Columns that have been touched in a row.
#[derive(Clone, Copy)]
struct Span {
    from: usize,
    to: usize,
}

const UNTOUCHED: Span = Span { from: usize::MAX, to: 0 };

/// Shares below this are nothing.
const SHARE_MIN: f32 = 1.0 / 512.0;

/// The least whole number that is not below one that is not negative. (`ceil` is a call on processors of the first kind.)
fn ceil(x: f32) -> usize {
    let whole = x as usize;
    whole + usize::from((whole as f32) < x)
}

/// An empty or half filled mask.
pub struct Cover {
    /// Cells of a row; two more than there are columns, so that an edge at the right side has where to put its rest.
    stride: usize,
    cells: Vec<f32>,
    rows: Vec<Span>,
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
}

impl Cover {
    /// For an image of this size.
    pub fn new(width: usize, height: usize) -> Cover {
        let stride = width + 2;
        Cover {
            stride,
            cells: vec![0.0; stride * height],
            rows: vec![UNTOUCHED; height],
            left: 0.0,
            right: width as f32,
            top: 0.0,
            bottom: height as f32,
        }
    }

    /// Nothing outside these columns and rows is covered from now on.
    pub fn bounds(&mut self, left: f32, top: f32, right: f32, bottom: f32) {
        let (width, height) = ((self.stride - 2) as f32, self.rows.len() as f32);
        self.left = left.clamp(0.0, width);
        self.right = right.clamp(self.left, width);
        self.top = top.clamp(0.0, height);
        self.bottom = bottom.clamp(self.top, height);
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
        if !(y1 - y0 > 0.0 && x0.is_finite() && x1.is_finite()) {
            return;
        }
        let slope = (x1 - x0) / (y1 - y0);
        let (start, end) = (y0.max(self.top), y1.min(self.bottom));
        if start >= end {
            return;
        }
        let mut x = x0 + (start - y0) * slope;
        let (first, last) = (start as usize, ceil(end));
        for row in first..last {
            let height = end.min(row as f32 + 1.0) - start.max(row as f32);
            let next = x + slope * height;
            self.row(row, x.clamp(self.left, self.right), next.clamp(self.left, self.right), height * turn);
            x = next;
        }
    }

    /// Adds the part of an edge within one row: between columns `x0` and `x1`, `height` of a pixel high.
    fn row(&mut self, row: usize, x0: f32, x1: f32, height: f32) {
        let (x0, x1) = if x0 < x1 { (x0, x1) } else { (x1, x0) };
        let (from, to) = (x0 as usize, ceil(x1));
        let start = row * self.stride;
        let (Some(span), Some(cells)) = (self.rows.get_mut(row), self.cells.get_mut(start + from..start + self.stride)) else { return };
        span.from = span.from.min(from);
        span.to = span.to.max(to.max(from + 1) + 1);
        let base = from as f32;
        if to <= from + 1 {
            let right = height * ((x0 + x1) * 0.5 - base);
            if let [a, b, ..] = cells {
                *a += height - right;
                *b += right;
            }
            return;
        }
        // The share of the edge that lies in each column, and within it the share to the right of the edge.
        let per_column = height / (x1 - x0);
        let mut carried = 0.0;
        for (at, cell) in cells.iter_mut().enumerate().take(to - from) {
            let column = base + at as f32;
            let (a, b) = (x0.max(column), x1.min(column + 1.0));
            let share = per_column * (b - a);
            let right = share * ((a + b) * 0.5 - column);
            *cell += carried + share - right;
            carried = right;
        }
        if let Some(cell) = cells.get_mut(to - from) {
            *cell += carried;
        }
    }

    /// Gives each covered pixel with its row, its column and its share, and empties the mask. Shares too small to be seen
    /// are left out: between two edges far apart a row is mostly empty.
    pub fn drain(&mut self, mut take: impl FnMut(usize, usize, f32)) {
        let columns = self.right as usize;
        for (row, span) in self.rows.iter_mut().enumerate() {
            if span.from >= span.to {
                continue;
            }
            let start = row * self.stride;
            let (from, to) = (span.from, span.to.min(self.stride));
            *span = UNTOUCHED;
            let Some(cells) = self.cells.get_mut(start + from..start + to) else { continue };
            let mut sum = 0.0f32;
            for (at, cell) in cells.iter_mut().enumerate() {
                sum += std::mem::take(cell);
                let share = sum.abs();
                if share >= SHARE_MIN && from + at < columns {
                    take(row, from + at, share.min(1.0));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: usize, height: usize, outlines: &[&[(f32, f32)]]) -> Vec<Vec<f32>> {
        let mut cover = Cover::new(width, height);
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
        let mut cover = Cover::new(4, 4);
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
