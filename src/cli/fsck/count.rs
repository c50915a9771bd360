//! What `fsck` counts, by the names that OpenTSDB's tool prints.

use std::fmt::Write;

/// Counters of a row, a batch or a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub cells: u64,
    /// Rows with a sound key.
    pub rows: u64,
    pub valid: u64,
    pub annotations: u64,
    pub appends: u64,
    pub appends_fixed: u64,
    pub bad_keys: u64,
    pub bad_keys_fixed: u64,
    pub duplicates: u64,
    pub duplicates_fixed: u64,
    pub orphans: u64,
    pub orphans_fixed: u64,
    pub future: u64,
    pub unknown: u64,
    pub unknown_fixed: u64,
    pub bad_values: u64,
    pub bad_values_deleted: u64,
    pub encodings: u64,
    pub encodings_fixed: u64,
    pub fixable_compacts: u64,
    pub bad_compacts: u64,
    pub bad_compacts_deleted: u64,
    pub vle: u64,
    pub vle_fixed: u64,
    pub vle_bytes: u64,
}

impl Counts {
    /// Every counter with what it is called, in the order in which they are printed.
    fn named(&mut self) -> [(&'static str, &mut u64); 25] {
        [
            ("Key Values Processed", &mut self.cells),
            ("Rows Processed", &mut self.rows),
            ("Valid Datapoints", &mut self.valid),
            ("Annotations", &mut self.annotations),
            ("Append Columns", &mut self.appends),
            ("Append Columns Repaired", &mut self.appends_fixed),
            ("Invalid Row Keys Found", &mut self.bad_keys),
            ("Invalid Rows Deleted", &mut self.bad_keys_fixed),
            ("Duplicate Datapoints", &mut self.duplicates),
            ("Duplicate Datapoints Resolved", &mut self.duplicates_fixed),
            ("Orphaned UID Rows", &mut self.orphans),
            ("Orphaned UID Rows Deleted", &mut self.orphans_fixed),
            ("Possible Future Objects", &mut self.future),
            ("Unknown Objects", &mut self.unknown),
            ("Unknown Objects Deleted", &mut self.unknown_fixed),
            ("Unparseable Datapoint Values", &mut self.bad_values),
            ("Unparseable Datapoint Values Deleted", &mut self.bad_values_deleted),
            ("Improperly Encoded Floating Point Values", &mut self.encodings),
            ("Improperly Encoded Floating Point Values Fixed", &mut self.encodings_fixed),
            ("Compacted Columns Out Of Order", &mut self.fixable_compacts),
            ("Unparseable Compacted Columns", &mut self.bad_compacts),
            ("Unparseable Compacted Columns Deleted", &mut self.bad_compacts_deleted),
            ("Datapoints Qualified for VLE", &mut self.vle),
            ("Datapoints Compressed with VLE", &mut self.vle_fixed),
            ("Bytes Saved with VLE", &mut self.vle_bytes),
        ]
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Counts) {
        let mut other = *other;
        for ((_, into), (_, from)) in self.named().into_iter().zip(other.named()) {
            *into += *from;
        }
    }

    /// Errors found. Each could be put right by some option.
    pub fn errors(&self) -> u64 {
        self.bad_keys
            + self.duplicates
            + self.orphans
            + self.unknown
            + self.bad_values
            + self.bad_compacts
            + self.fixable_compacts
            + self.encodings
    }

    /// Errors put right, as OpenTSDB counts them.
    pub fn fixed(&self) -> u64 {
        self.bad_keys_fixed
            + self.duplicates_fixed
            + self.orphans_fixed
            + self.unknown_fixed
            + self.encodings_fixed
            + self.bad_values_deleted
    }

    /// The lines at the end of a run.
    pub fn report(&self) -> String {
        let mut counts = *self;
        let mut out = String::new();
        for (name, count) in counts.named() {
            let _ = writeln!(out, "INFO {name}: {count}");
        }
        let (errors, fixed) = (self.errors(), self.fixed());
        let _ = write!(out, "INFO Total Errors: {errors}\nINFO Total Correctable Errors: {errors}\nINFO Total Errors Fixed: {fixed}");
        out
    }
}
