//! `clean-cache`: the work of OpenTSDB's `clean_cache.sh`, without a shell. When the disk of the cache folder is nearly
//! full, every file in it goes. Nothing here writes to that folder; a Java TSD beside this one does.
//!
//! Folders stay, and links are neither followed nor removed.

use super::{Call, Failure, USAGE};
use std::fs;
use std::path::{Path, PathBuf};

/// Percent of the disk in use from which on the folder is swept, as in the script.
const PERCENT: u64 = 90;
/// Folders inside each other, at most.
const DEPTH_MAX: usize = 32;

pub fn run(call: &Call) -> Result<(), Failure> {
    if let [word, ..] = call.words().as_slice() {
        return Err(call.misused(USAGE, &format!("Unexpected argument: {word}")));
    }
    let settings = call.settings()?;
    let folder = PathBuf::from(&settings.http_cachedir);
    if settings.http_cachedir.is_empty() {
        return Err(call.misused(USAGE, "Which folder? --cachedir, or tsd.http.cachedir in the configuration"));
    }
    let percent = match call.parsed.value("--percent").map(|text| (text, text.parse::<u64>())) {
        None => PERCENT,
        Some((_, Ok(percent @ 0..=100))) => percent,
        Some((text, _)) => return Err(Failure::code(USAGE, format!("--percent = {text:?} is not valid; allowed: 0 to 100"))),
    };
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let real = fs::canonicalize(&folder).map_err(failed)?;
    if real.parent().is_none() {
        return Err(Failure::new(format!("{} is the root of the file system: nothing was done", folder.display())));
    }
    let used = used_percent(&real).map_err(failed)?;
    if used < percent {
        return super::extra::print(&format!("{}: the disk is {used} % full, below {percent} %: nothing was done\n", folder.display()));
    }
    let mut swept = Swept { dry: call.parsed.has("--dry-run"), ..Swept::default() };
    swept.folder(&real, 0).map_err(failed)?;
    let done = if swept.dry { "would go" } else { "removed" };
    super::extra::print(&format!("{}: {} files {done}, {} bytes\n", folder.display(), swept.files, swept.bytes))?;
    match swept.failed {
        0 => Ok(()),
        failed => Err(Failure::new(format!("{failed} files could not be removed"))),
    }
}

/// Percent of a folder's disk that is in use, as `df` counts.
fn used_percent(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    let used = disk.f_blocks.saturating_sub(disk.f_bfree);
    let usable = used + disk.f_bavail;
    Ok((used * 100).div_ceil(usable.max(1)))
}

#[derive(Default)]
struct Swept {
    dry: bool,
    files: u64,
    bytes: u64,
    failed: u64,
}

impl Swept {
    fn folder(&mut self, folder: &Path, depth: usize) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < DEPTH_MAX {
                self.folder(&entry.path(), depth + 1)?;
            } else if kind.is_file() {
                let bytes = entry.metadata().map_or(0, |file| file.len());
                match if self.dry { Ok(()) } else { fs::remove_file(entry.path()) } {
                    Ok(()) => {
                        self.files += 1;
                        self.bytes += bytes;
                    }
                    // Another sweep, or the TSD itself, was first.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => {
                        self.failed += 1;
                        tracing::warn!("{}: {error}", entry.path().display());
                    }
                }
            }
        }
        Ok(())
    }
}
