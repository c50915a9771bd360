//! The thread that writes and syncs: one fsync for all commits that have gathered meanwhile.

use super::{Chunk, DiskFile, Failure, Journal, PENDING_BYTES_EAGER, State};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Points that nobody waits for reach the disk this much later at most.
const IDLE_SYNC: Duration = Duration::from_millis(100);
/// Pause between attempts to write to a full or failing disk.
const RETRY: Duration = Duration::from_millis(100);
/// Buffers kept for reuse, and the largest that is kept.
const SPARE_MAX: usize = 2;
const SPARE_BYTES_MAX: usize = 4 << 20;

/// The file being written and how much of it is known to be good.
#[derive(Default)]
struct Output {
    file: Option<(u64, Box<dyn DiskFile>)>,
    good: u64,
}

/// What came of an attempt.
enum Attempt {
    Synced,
    WriteFailed(io::Error),
    SyncFailed(io::Error),
}

impl Journal {
    /// Runs until the journal is closed and empty.
    pub fn run(&self) {
        let mut output = Output::default();
        while let Some((mut chunks, target)) = self.next_work() {
            loop {
                match self.write_out(&mut output, &mut chunks) {
                    Attempt::Synced => {
                        self.finish(target);
                        break;
                    }
                    Attempt::WriteFailed(error) => {
                        if !self.fail(Failure::Failing(format!("{}: {error}", self.disk.describe()))) {
                            return;
                        }
                        std::thread::sleep(RETRY);
                    }
                    Attempt::SyncFailed(error) => {
                        self.fail(Failure::Poisoned(format!("{}: {error}", self.disk.describe())));
                        return;
                    }
                }
            }
        }
    }

    /// Waits until somebody wants a sync, enough has gathered, or it has waited long enough.
    fn next_work(&self) -> Option<(VecDeque<Chunk>, u64)> {
        let mut state = self.state.lock();
        loop {
            if state.chunks.is_empty() {
                if state.closed {
                    return None;
                }
                self.wake.wait(&mut state);
                continue;
            }
            let wanted = state.demand > state.synced || state.pending >= PENDING_BYTES_EAGER || state.closed;
            if wanted || self.wake.wait_for(&mut state, IDLE_SYNC).timed_out() {
                return Some((std::mem::take(&mut state.chunks), state.appended));
            }
        }
    }

    fn write_out(&self, output: &mut Output, chunks: &mut VecDeque<Chunk>) -> Attempt {
        while let Some(chunk) = chunks.front() {
            let current = output.file.as_ref().map(|(seq, _)| *seq);
            if current != Some(chunk.segment.seq) {
                // What the old segment holds must be durable before the new one exists.
                if let Some((_, file)) = &mut output.file
                    && let Err(error) = file.sync()
                {
                    return Attempt::SyncFailed(error);
                }
                output.file = None;
                match self.disk.create(&chunk.segment.name) {
                    Ok(file) => output.file = Some((chunk.segment.seq, file)),
                    Err(error) => return Attempt::WriteFailed(error),
                }
                output.good = 0;
                if let Err(error) = self.disk.sync_names() {
                    return Attempt::SyncFailed(error);
                }
            }
            let Some((_, file)) = &mut output.file else { continue };
            if let Err(error) = file.append(&chunk.bytes) {
                // Half a group may be there; without it the next attempt starts clean.
                return match file.truncate(output.good) {
                    Ok(()) => Attempt::WriteFailed(error),
                    Err(error) => Attempt::SyncFailed(error),
                };
            }
            output.good += chunk.bytes.len() as u64;
            self.written.fetch_add(chunk.bytes.len() as u64, Ordering::Relaxed);
            if let Some(chunk) = chunks.pop_front() {
                self.keep_buffer(chunk.bytes);
            }
        }
        let Some((_, file)) = &mut output.file else { return Attempt::Synced };
        self.fsyncs.fetch_add(1, Ordering::Relaxed);
        match file.sync() {
            Ok(()) => Attempt::Synced,
            Err(error) => Attempt::SyncFailed(error),
        }
    }

    fn keep_buffer(&self, mut bytes: Vec<u8>) {
        if bytes.capacity() > SPARE_BYTES_MAX {
            return;
        }
        bytes.clear();
        let mut state = self.state.lock();
        if state.spare.len() < SPARE_MAX {
            state.spare.push(bytes);
        }
    }

    fn finish(&self, target: u64) {
        let mut state = self.state.lock();
        if matches!(state.failure, Some(Failure::Failing(_))) {
            tracing::info!("the journal can be written again");
            state.failure = None;
        }
        state.synced = state.synced.max(target);
        state.pending = (state.appended - state.synced) as usize;
        let ready = take_callbacks(&mut state, target);
        self.on_disk.notify_all();
        self.room.notify_all();
        drop(state);
        ready.into_iter().for_each(|(_, call)| call(Ok(())));
    }

    /// Tells everybody; false when the journal is closed and nothing more can be hoped for.
    fn fail(&self, failure: Failure) -> bool {
        let mut state = self.state.lock();
        let error = failure.error();
        if state.failure.is_none() || matches!(failure, Failure::Poisoned(_)) {
            tracing::error!("{error}");
        }
        state.failure = Some(failure);
        let all = take_callbacks(&mut state, u64::MAX);
        self.on_disk.notify_all();
        self.room.notify_all();
        let closed = state.closed;
        drop(state);
        all.into_iter().for_each(|(_, call)| call(Err(error.clone())));
        !closed
    }
}

fn take_callbacks(state: &mut State, up_to: u64) -> Vec<(u64, super::OnDisk)> {
    let (ready, waiting) = std::mem::take(&mut state.callbacks).into_iter().partition(|(ticket, _)| *ticket <= up_to);
    state.callbacks = waiting;
    ready
}
