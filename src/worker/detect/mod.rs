//! Is the end of a series strange, seen from what came before? Skyline's nine algorithms and our own, as pure functions.

/// The points of one series that are looked at, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// When each point lies: seconds since the epoch, not falling. As long as `values`.
    pub times: &'a [f64],
    /// What was measured then.
    pub values: &'a [f64],
}
