//! From lines to outlines: both sides of a line of some width, one piece after the other, with its bends filled.
//!
//! The outline may lie over itself: it turns the same way everywhere, and its mask counts nothing twice.

use super::canvas::Spot;
use super::cover::Cover;
use std::borrow::Cow;

/// Pieces of a dashed line, at most: beyond, it is drawn whole.
const DASHES_MAX: usize = 20_000;

fn plus((x, y): Spot, (dx, dy): Spot) -> Spot {
    (x + dx, y + dy)
}

fn minus((x, y): Spot, (dx, dy): Spot) -> Spot {
    (x - dx, y - dy)
}

/// Adds a line's outline to a mask.
pub fn outlines(line: &[Spot], width: f32, cover: &mut Cover) {
    let half = width / 2.0;
    let mut spots = line.iter().copied();
    let Some(mut from) = spots.next() else { return };
    let mut last = None; // the side of the piece before
    for to in spots {
        // Bends stand no further from their places than half a width.
        if !cover.meets(from.1.min(to.1) - half, from.1.max(to.1) + half) {
            end(from, last.take(), cover);
            from = to;
            continue;
        }
        let (dx, dy) = minus(to, from);
        let length = (dx * dx + dy * dy).sqrt();
        if !(length > 1e-4 && length.is_finite()) {
            continue;
        }
        let side = (-dy / length * half, dx / length * half);
        match last {
            Some(last) => bend(from, last, side, half, cover),
            None => cover.edge(minus(from, side), plus(from, side)),
        }
        cover.edge(plus(from, side), plus(to, side));
        cover.edge(minus(to, side), minus(from, side));
        last = Some(side);
        from = to;
    }
    end(from, last, cover);
}

/// The end of a line, behind its last piece.
fn end(at: Spot, last: Option<Spot>, cover: &mut Cover) {
    if let Some(side) = last {
        cover.edge(plus(at, side), minus(at, side));
    }
}

/// From one piece to the next: the outer side is rounded a little, the inner one goes by the middle of the line.
fn bend(at: Spot, before: Spot, after: Spot, half: f32, cover: &mut Cover) {
    let cross = before.0 * after.1 - before.1 * after.0;
    // Less than about 15 degrees: what is missing cannot be seen.
    if cross.abs() < 0.26 * half * half && before.0 * after.0 + before.1 * after.1 > 0.0 {
        cover.edge(plus(at, before), plus(at, after));
        cover.edge(minus(at, after), minus(at, before));
        return;
    }
    let middle = plus(before, after);
    let length = (middle.0 * middle.0 + middle.1 * middle.1).sqrt();
    let tip = if length > 1e-3 { (middle.0 / length * half, middle.1 / length * half) } else { before };
    let (left, right) = if cross > 0.0 { (at, minus(at, tip)) } else { (plus(at, tip), at) };
    cover.edge(plus(at, before), left);
    cover.edge(left, plus(at, after));
    cover.edge(minus(at, after), right);
    cover.edge(right, minus(at, before));
}

/// A disc as an outline.
pub fn disc((x, y): Spot, radius: f32) -> Vec<Spot> {
    let corners = if radius < 2.0 { 8 } else { 16 };
    let angle = |at: i32| at as f32 * std::f32::consts::TAU / corners as f32;
    (0..corners).rev().map(|at| (x + radius * angle(at).cos(), y + radius * angle(at).sin())).collect()
}

/// The drawn parts of lines of one stroke; all of them where there is no pattern of dashes.
pub fn parted<'l>(lines: &'l [Vec<Spot>], pattern: &[f32]) -> Cow<'l, [Vec<Spot>]> {
    if pattern.is_empty() { Cow::Borrowed(lines) } else { lines.iter().flat_map(|line| dashes(line, pattern)).collect() }
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
    use super::super::cover::WHOLE;
    use super::*;

    fn area(line: &[Spot], width: f32) -> f32 {
        let mut cover = Cover::new(40, 0..40);
        outlines(line, width, &mut cover);
        let mut sum = 0.0;
        cover.drain(|_, _, shares| sum += shares.iter().map(|share| *share as f32).sum::<f32>() / WHOLE as f32);
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
            let mut cover = Cover::new(40, 0..40);
            outlines(&line, 4.0, &mut cover);
            let mut tip = 0.0;
            cover.drain(|row, column, shares| {
                if (row, column) == (4, 0) {
                    tip = shares[15] as f32 / WHOLE as f32;
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
