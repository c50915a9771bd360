//! What went wrong on a connection, before it is known what that means for the caller.

use crate::store::StoreError;
use std::time::Duration;

/// Longest part of a gateway's message (a Java stack trace) that is kept, in bytes.
const MESSAGE_BYTES_MAX: usize = 400;

/// Names in a gateway's message that say that the same call will always fail.
const PERMANENT: [&str; 10] = [
    "NoSuchColumnFamilyException",
    "NamespaceNotFoundException",
    "AccessDeniedException",
    "IllegalArgumentException",
    "InvalidFamilyOperationException",
    "TableExistsException",
    "DoNotRetryIOException",
    "Incompatible",
    "Rows per batch",
    "KeyValue size too large",
];

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The gateway never had the whole call.
    Unsent(String),
    /// The gateway had the call and did not answer: it may have been carried out.
    Lost(String),
    /// An exception that the interface declares. The connection stays in step.
    Declared { illegal: bool, text: String },
    /// The gateway could not make sense of the call, or failed inside.
    Internal(String),
    /// The answer contradicts itself, or is larger than allowed.
    Corrupt(String),
    /// The answer is larger than [`super::inbox::ANSWER_BYTES_MAX`]: asking for fewer rows helps.
    TooLarge(String),
}

/// What a call does if it is carried out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing: it reads.
    Reads,
    /// Nothing more: it puts or deletes.
    Repeatable,
    /// Something else: it must never be repeated blindly.
    Once,
}

impl Failure {
    /// True if the connection can be used again.
    pub(super) fn in_step(&self) -> bool {
        matches!(self, Failure::Declared { .. })
    }

    /// True if another gateway, or the same on a fresh connection, may do better.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Failure::Unsent(_) | Failure::Lost(_))
    }

    /// True for a scanner that its gateway no longer knows.
    pub(super) fn is_lost_scanner(&self) -> bool {
        matches!(self, Failure::Declared { text, .. }
            if text.contains("scanner ID is invalid") || text.contains("UnknownScannerException") || text.contains("ScannerResetException"))
    }

    /// What the caller of the store is told.
    pub(super) fn into_error(self, effect: Effect, what: &str, who: &str, deadline: Duration) -> StoreError {
        match self {
            Failure::Unsent(text) => StoreError::Unavailable(text),
            Failure::Lost(text) if effect == Effect::Reads => StoreError::Unavailable(text),
            Failure::Lost(_) => StoreError::MaybeApplied { who: who.to_owned(), deadline },
            Failure::Declared { illegal: true, text } => StoreError::Rejected(format!("{what}: {}", brief(&text))),
            Failure::Declared { text, .. } if ["TableNotFoundException", "table does not exist"].iter().any(|name| text.contains(name)) => {
                no_such_table(what)
            }
            Failure::Declared { text, .. } if PERMANENT.iter().any(|name| text.contains(name)) => {
                StoreError::Rejected(format!("{what}: {}", brief(&text)))
            }
            Failure::Declared { .. } if effect == Effect::Once => StoreError::MaybeApplied { who: who.to_owned(), deadline },
            Failure::Declared { text, .. } => StoreError::Unavailable(format!("{what}: {}", brief(&text))),
            Failure::Internal(text) => StoreError::Rejected(format!("{what}: the gateway failed inside: {}", brief(&text))),
            Failure::Corrupt(text) | Failure::TooLarge(text) => StoreError::Corrupt(format!("{what}: {text}")),
        }
    }
}

/// `what` names the table.
pub(super) fn no_such_table(what: &str) -> StoreError {
    StoreError::Rejected(format!("{what}: HBase has no such table; make it with `tsdb create-tables` or create_table.sh"))
}

/// The first line of a stack trace, and of its cause, without packages.
pub(super) fn brief(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("no message");
    let cause = lines.rfind(|line| line.starts_with("Caused by: "));
    let mut kept = String::from(first);
    if let Some(cause) = cause {
        kept.push_str("; ");
        kept.push_str(cause);
    }
    for package in ["org.apache.hadoop.hbase.exceptions.", "org.apache.hadoop.hbase.client.", "org.apache.hadoop.hbase.", "java.io."] {
        kept = kept.replace(package, "");
    }
    if kept.len() > MESSAGE_BYTES_MAX {
        let mut end = MESSAGE_BYTES_MAX;
        while !kept.is_char_boundary(end) {
            end -= 1;
        }
        kept.truncate(end);
        kept.push_str(" ...");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failure: Failure, effect: Effect, want: &str) {
        let got = failure.into_error(effect, "put into tsdb", "gateway a:1", Duration::from_secs(3));
        let kind = match &got {
            StoreError::Unavailable(_) => "unavailable",
            StoreError::MaybeApplied { .. } => "maybe",
            StoreError::Rejected(_) => "rejected",
            StoreError::Corrupt(_) => "corrupt",
        };
        assert_eq!(format!("{kind}: {got}"), want);
    }

    fn io(text: &str) -> Failure {
        Failure::Declared { illegal: false, text: text.to_owned() }
    }

    #[test]
    fn meaning() {
        use Effect::{Once, Reads, Repeatable};
        check(Failure::Unsent("no way".into()), Once, "unavailable: storage is not reachable: no way");
        check(Failure::Lost("closed".into()), Reads, "unavailable: storage is not reachable: closed");
        check(Failure::Lost("closed".into()), Repeatable, "maybe: gateway a:1 did not answer within 3s");
        check(Failure::Lost("closed".into()), Once, "maybe: gateway a:1 did not answer within 3s");
        check(
            io("org.apache.hadoop.hbase.TableNotFoundException: tsdb\n\tat x"),
            Repeatable,
            "rejected: put into tsdb: HBase has no such table; make it with `tsdb create-tables` or create_table.sh",
        );
        check(io("java.io.IOException: x\n\tat y\nCaused by: java.io.IOException: z"), Once, "maybe: gateway a:1 did not answer within 3s");
        check(
            io("java.io.IOException: x\n\tat y\nCaused by: java.io.IOException: z"),
            Repeatable,
            "unavailable: storage is not reachable: put into tsdb: IOException: x; Caused by: IOException: z",
        );
        check(Failure::Internal("boom".into()), Reads, "rejected: put into tsdb: the gateway failed inside: boom");
        check(Failure::Corrupt("length".into()), Reads, "corrupt: corrupt: put into tsdb: length");
    }

    #[test]
    fn long_messages_are_cut() {
        assert!(brief(&"ü".repeat(1000)).len() < 420);
        assert_eq!(brief(""), "no message");
    }
}
