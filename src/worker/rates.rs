//! Changes per second of values that count up, for detectors: what a counter itself looks like says nothing of its end.

/// Appends the change per second between each point and the one before it. A counter that began anew, with a restart of
/// what is counted, gives no point there, and neither does a value that is no number.
pub fn per_second(times: &[f64], values: &[f64], to_times: &mut Vec<f64>, to_values: &mut Vec<f64>) {
    let before = times.iter().zip(values);
    for ((t0, v0), (t1, v1)) in before.zip(times.iter().zip(values).skip(1)) {
        if t1 > t0 && v1 >= v0 {
            to_times.push(*t1);
            to_values.push((v1 - v0) / (t1 - t0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters() {
        let check = |points: &[(f64, f64)], want: &[(f64, f64)]| {
            let (times, values): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
            let (mut to_times, mut to_values) = (Vec::new(), Vec::new());
            per_second(&times, &values, &mut to_times, &mut to_values);
            assert_eq!(to_times.into_iter().zip(to_values).collect::<Vec<_>>(), want, "{points:?}");
        };
        check(&[], &[]);
        check(&[(10.0, 5.0)], &[]);
        check(&[(10.0, 5.0), (12.0, 9.0), (17.0, 9.0)], &[(12.0, 2.0), (17.0, 0.0)]);
        check(&[(10.0, 900.0), (20.0, 1.0), (30.0, 21.0)], &[(30.0, 2.0)]); // began anew
        check(&[(10.0, 1.0), (20.0, f64::NAN), (30.0, 3.0), (40.0, 4.0)], &[(40.0, 0.1)]);
        check(&[(10.0, 1.0), (10.0, 3.0)], &[]);
    }
}
