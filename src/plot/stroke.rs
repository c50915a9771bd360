//! From lines to outlines: a line of some width is a row of quads, one a piece, with corners filled where it bends.
//!
//! All outlines turn the same way, so that they may overlap in one mask.

use super::canvas::Spot;
use super::cover::Cover;

/// Pieces of a dashed line, at most: beyond, it is drawn whole.
const DASHES_MAX: usize = 20_000;

/// Adds a line's outlines to a mask.
pub fn outlines(line: &[Spot], width: f32, cover: &mut Cover) {
    let half = width / 2.0;
    let mut before: Option<(Spot, Spot)> = None; // where the last piece ended, and its side
    for pair in line.windows(2) {
        let &[from, to] = pair else { continue };
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).sqrt();
        if !(length > 1e-4 && length.is_finite()) {
            continue;
        }
        let side = (-dy / length * half, dx / length * half);
        quad(from, to, side, cover);
        if let Some((at, last)) = before {
            corner(at, last, side, half, cover);
        }
        before = Some((to, side));
    }
}

fn quad(from: Spot, to: Spot, side: Spot, cover: &mut Cover) {
    let a = (from.0 + side.0, from.1 + side.1);
    let b = (to.0 + side.0, to.1 + side.1);
    let c = (to.0 - side.0, to.1 - side.1);
    let d = (from.0 - side.0, from.1 - side.1);
    cover.edge(a, b);
    cover.edge(b, c);
    cover.edge(c, d);
    cover.edge(d, a);
}

/// Fills the notch at the outer side of a bend, rounded a little.
fn corner(at: Spot, before: Spot, after: Spot, half: f32, cover: &mut Cover) {
    let cross = before.0 * after.1 - before.1 * after.0;
    // Less than about 15 degrees: what is missing cannot be seen.
    if cross.abs() < 0.26 * half * half && before.0 * after.0 + before.1 * after.1 > 0.0 {
        return;
    }
    // The outer side is the one behind the turn.
    let sign = if cross > 0.0 { -1.0 } else { 1.0 };
    let (a, c) = ((before.0 * sign, before.1 * sign), (after.0 * sign, after.1 * sign));
    let middle = (a.0 + c.0, a.1 + c.1);
    let length = (middle.0 * middle.0 + middle.1 * middle.1).sqrt();
    let b = if length > 1e-3 { (middle.0 / length * half, middle.1 / length * half) } else { a };
    let place = |(x, y): Spot| (at.0 + x, at.1 + y);
    // The same way round as the quads.
    if sign > 0.0 {
        cover.outline(&[at, place(a), place(b), place(c)]);
    } else {
        cover.outline(&[at, place(c), place(b), place(a)]);
    }
}

/// A disc as an outline.
pub fn disc((x, y): Spot, radius: f32) -> Vec<Spot> {
    let corners = if radius < 2.0 { 8 } else { 16 };
    let angle = |at: i32| at as f32 * std::f32::consts::TAU / corners as f32;
    (0..corners).rev().map(|at| (x + radius * angle(at).cos(), y + radius * angle(at).sin())).collect()
}

/// The drawn parts of a dashed line.
pub fn dashes(line: &[Spot], pattern: &[f32]) -> Vec<Vec<Spot>> {
    let whole: f32 = pattern.iter().sum();
    let length: f32 = line.windows(2).map(|pair| if let [a, b] = pair { (b.0 - a.0).hypot(b.1 - a.1) } else { 0.0 }).sum();
    if !(whole > 0.1 && length.is_finite() && length / whole * 2.0 < DASHES_MAX as f32) {
        return vec![line.to_vec()];
    }
    let mut out: Vec<Vec<Spot>> = Vec::new();
    let mut steps = pattern.iter().copied().cycle();
    let (mut drawn, mut left) = (true, steps.next().unwrap_or(whole));
    let mut piece: Vec<Spot> = line.first().copied().into_iter().collect();
    for pair in line.windows(2) {
        let &[from, to] = pair else { continue };
        let long = (to.0 - from.0).hypot(to.1 - from.1);
        let mut done = 0.0;
        while long - done > left {
            done += left;
            let part = done / long;
            let at = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            if drawn {
                piece.push(at);
                out.push(std::mem::take(&mut piece));
            } else {
                piece = vec![at];
            }
            drawn = !drawn;
            left = steps.next().unwrap_or(whole).max(0.05);
        }
        left -= long - done;
        if drawn {
            piece.push(to);
        }
    }
    if drawn && piece.len() > 1 {
        out.push(piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(line: &[Spot], width: f32) -> f32 {
        let mut cover = Cover::new(40, 40);
        outlines(line, width, &mut cover);
        let mut sum = 0.0;
        cover.drain(|_, _, share| sum += share);
        sum
    }

    #[test]
    fn a_line_covers_length_times_width() {
        assert!((area(&[(5.0, 5.0), (25.0, 5.0)], 2.0) - 40.0).abs() < 0.1);
        assert!((area(&[(5.0, 5.0), (25.0, 25.0)], 1.5) - 1.5 * 28.28).abs() < 0.3);
        // In many pieces it is as long.
        let pieces: Vec<Spot> = (0..=100).map(|i| (5.0 + i as f32 * 0.2, 5.3)).collect();
        assert!((area(&pieces, 1.5) - 30.0).abs() < 0.3, "{}", area(&pieces, 1.5));
    }

    #[test]
    fn corners_are_filled_either_way() {
        for line in [[(5.0, 30.0), (15.0, 5.0), (25.0, 30.0)], [(25.0, 30.0), (15.0, 5.0), (5.0, 30.0)]] {
            let mut cover = Cover::new(40, 40);
            outlines(&line, 4.0, &mut cover);
            let mut tip = 0.0;
            cover.drain(|row, column, share| {
                if (row, column) == (4, 15) {
                    tip = share;
                }
            });
            assert!(tip > 0.7, "{tip}");
        }
    }

    #[test]
    fn dashed() {
        let pieces = dashes(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], &[6.0, 3.0]);
        assert_eq!(pieces, [vec![(0.0, 0.0), (6.0, 0.0)], vec![(9.0, 0.0), (10.0, 0.0), (10.0, 5.0)], vec![(10.0, 8.0), (10.0, 10.0)]]);
        assert_eq!(dashes(&[(0.0, 0.0), (1e9, 0.0)], &[1.0, 1.0]).len(), 1);
    }
}
