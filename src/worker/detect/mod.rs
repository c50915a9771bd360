//! Is the end of a series strange, seen from what came before? Skyline's nine algorithms and our own, as pure functions.
//!
//! | file | what |
//! | --- | --- |
//! | `settings.rs` | Skyline's settings, under their own names or in small letters |
//! | `detector.rs` | filters (too short, stale, boring), the ensemble, consensus |
//! | `skyline.rs` | the nine algorithms |
//! | `second.rs` | is it strange that this series is strange again? |
//! | `seasons.rs` | the same minute of earlier days, weeks, years |
//! | `sudden.rs` | sudden rise and fall |
//! | `forecast.rs` | when a limit is reached |
//! | `sight.rs` | what the algorithms of one series share: each statistic is computed once |
//! | `sums.rs`, `special.rs`, `unit_root.rs` | numerics |
//!
//! Nothing here reads a clock or a table: `now` and the points come from the caller. One [`Scratch`] a thread keeps all
//! buffers, so that a series costs no allocation.
//!
//! ```
//! use tsdb::worker::detect::{Catalogue, Detector, Scratch, Settings, Window};
//! let detector = Detector::new(Settings::default(), &Catalogue::default())?;
//! let times: Vec<f64> = (0..1440).map(|i| 1.7e9 - 86_400.0 + 60.0 * f64::from(i)).collect();
//! let mut values: Vec<f64> = (0..1440).map(|i| f64::from(i % 7) + 100.0).collect();
//! values.splice(1437.., [400.0, 410.0, 420.0]);
//! let mut scratch = Scratch::default();
//! let judgement = detector.judge(Window { times: &times, values: &values }, 1.7e9, &mut scratch)?;
//! assert!(judgement.anomalous);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! Source of the rules: Skyline (2015), worker kit, `skyline/*`.

mod detector;
mod finding;
mod forecast;
mod seasons;
mod second;
mod settings;
mod sight;
mod skyline;
mod special;
mod sudden;
mod sums;
mod unit_root;

pub use detector::{Algorithm, Catalogue, Detector, Judgement, Skip, UnknownAlgorithm};
pub use finding::{Finding, Numbers, Verdict};
pub use forecast::{Forecast, Limit};
pub use seasons::{Seasons, period_on_period};
pub use second::{Trigger, second_order};
pub use settings::{Alert, Settings};
pub use sight::{Scratch, Sight};
pub use sudden::Sudden;

/// The points of one series that are looked at, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// When each point lies: seconds since the epoch. As long as `values`; what is longer is not looked at.
    pub times: &'a [f64],
    /// What was measured then. May hold NaN and [`NULL`].
    pub values: &'a [f64],
}

/// A point without a value: what JSON and MessagePack can carry and a double cannot. It is a NaN with bits of its own.
/// Where Skyline's code fails on a null value the algorithm here answers [`Verdict::Failed`]; a plain NaN it compares.
pub const NULL: f64 = f64::from_bits(0x7ff8_0000_6e75_6c6c);

fn is_null(value: f64) -> bool {
    value.to_bits() == NULL.to_bits()
}
