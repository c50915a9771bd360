//! Percentiles by the three estimations that OpenTSDB offers (the numbering is Hyndman and Fan's).
//!
//! The arithmetic follows commons-math, which OpenTSDB calls, so that the last digit agrees. Groups of doubles always use
//! [`Estimation::Legacy`]: that is the caller's rule (recorded case `agg/many-f-ep50r3`), not one of this file.

use super::plan::{Estimation, Percentile};

/// The percentile of `values`, which get sorted on the way. NaN without values.
pub fn percentile(values: &mut [f64], which: Percentile, estimation: Estimation) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let (Some(&lowest), Some(&highest)) = (values.first(), values.last()) else { return f64::NAN };
    let count = values.len() as f64;
    // OpenTSDB hands a percentage over, which is divided by 100 again: 99.9 / 100 is not 0.999 to the last bit.
    let share = f64::from(which.per_mille) / 10.0 / 100.0;
    let place = match estimation {
        Estimation::Legacy => share * (count + 1.0),
        Estimation::R3 if share <= 0.5 / count => 0.0,
        Estimation::R3 => (count * share).round_ties_even(),
        Estimation::R7 => 1.0 + (count - 1.0) * share,
    };
    let below = place.floor();
    if place < 1.0 || values.len() == 1 {
        return lowest;
    }
    if place >= count {
        return highest;
    }
    let at = below as usize;
    let (Some(&lower), Some(&upper)) = (values.get(at - 1), values.get(at)) else { return highest };
    lower + (place - below) * (upper - lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(per_mille: u16, estimation: Estimation, values: &[f64], want: f64) {
        let got = percentile(&mut values.to_vec(), Percentile { per_mille, estimation }, estimation);
        assert!(got == want || got.is_nan() && want.is_nan(), "p{per_mille} {estimation:?} of {values:?}: {got}, not {want}");
    }

    #[test]
    fn estimations() {
        let ten = [10.0, 1.0, 2.0, 9.0, 3.0, 8.0, 4.0, 7.0, 5.0, 6.0];
        check(500, Estimation::Legacy, &[], f64::NAN);
        check(500, Estimation::Legacy, &[7.0], 7.0);
        check(500, Estimation::R7, &[7.0], 7.0);
        check(500, Estimation::Legacy, &ten, 5.5);
        check(750, Estimation::Legacy, &ten, 8.25);
        check(950, Estimation::Legacy, &ten, 10.0);
        check(500, Estimation::R3, &ten, 5.0);
        check(750, Estimation::R3, &ten, 8.0); // 7.5 rounds to the even place
        check(750, Estimation::R7, &ten, 7.75);
        check(500, Estimation::R3, &[3.0, 1.0], 1.0);
        check(999, Estimation::R7, &[1.0, 2.0], 1.0 + (1.0 + 99.9 / 100.0 - 1.0));
    }
}
