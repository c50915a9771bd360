//! The built-in pages, part of the binary: plain files, no build step. Served below `/s/ui/`, see `server/http/ui_files.rs`.
//!
//! Every file is listed in [`FILES`] and compressed once, when it is first asked for. All of them together have one
//! version, a hash of their contents, which is part of their addresses: what a browser keeps is never stale, and modules
//! import each other by plain relative names.

use crate::digest;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::sync::OnceLock;

/// A built-in file.
#[derive(Debug)]
pub struct File {
    /// Its path below this folder: `lib/chart.js`.
    pub name: &'static str,
    /// Its contents.
    pub bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal,)*) => { &[$(File { name: $name, bytes: include_bytes!($name) },)*] };
}

/// All of them, by name. A test compares this list with the folder.
pub const FILES: &[File] = files![
    "app.js",
    "boot.js",
    "css/base.css",
    "css/explore.css",
    "css/graph.css",
    "css/screens-edit.css",
    "css/screens.css",
    "css/similar.css",
    "css/status.css",
    "css/worker.css",
    "index.html",
    "lib/align.js",
    "lib/api.js",
    "lib/chart.js",
    "lib/chart/draw.js",
    "lib/chart/hand.js",
    "lib/chart/pins.js",
    "lib/chart/walk.js",
    "lib/combobox.js",
    "lib/data.js",
    "lib/dom.js",
    "lib/drag.js",
    "lib/format.js",
    "lib/fragment.js",
    "lib/keys.js",
    "lib/layer.js",
    "lib/palette.js",
    "lib/query.js",
    "lib/range.js",
    "lib/rates.js",
    "lib/state.js",
    "lib/store.js",
    "lib/time.js",
    "pages/alerts.js",
    "pages/alerts/bad-times.js",
    "pages/alerts/detail.js",
    "pages/alerts/expression.js",
    "pages/alerts/history.js",
    "pages/alerts/open.js",
    "pages/alerts/parts.js",
    "pages/alerts/preview.js",
    "pages/alerts/replayed.js",
    "pages/alerts/rules.js",
    "pages/alerts/silences.js",
    "pages/alerts/workers.js",
    "pages/anomalies.js",
    "pages/anomalies/episodes.js",
    "pages/explore.js",
    "pages/explore/hosts.js",
    "pages/explore/list.js",
    "pages/explore/meta.js",
    "pages/explore/metric.js",
    "pages/explore/parts.js",
    "pages/explore/trees.js",
    "pages/graph.js",
    "pages/graph/changes.js",
    "pages/graph/extras.js",
    "pages/graph/forms.js",
    "pages/graph/guard.js",
    "pages/graph/menus.js",
    "pages/graph/model.js",
    "pages/graph/nothing.js",
    "pages/graph/panel.js",
    "pages/graph/peaks.js",
    "pages/graph/picture.js",
    "pages/graph/rows.js",
    "pages/graph/tables.js",
    "pages/screens.js",
    "pages/screens/actions.js",
    "pages/screens/arrange.js",
    "pages/screens/edit.js",
    "pages/screens/exchange.js",
    "pages/screens/expression.js",
    "pages/screens/fields.js",
    "pages/screens/heat.js",
    "pages/screens/index.js",
    "pages/screens/kinds.js",
    "pages/screens/lines.js",
    "pages/screens/load.js",
    "pages/screens/metric-list.js",
    "pages/screens/model.js",
    "pages/screens/panel.js",
    "pages/screens/pie.js",
    "pages/screens/put.js",
    "pages/screens/query-row.js",
    "pages/screens/store.js",
    "pages/screens/sum.js",
    "pages/screens/tree.js",
    "pages/screens/variables.js",
    "pages/screens/view.js",
    "pages/screens/writing.js",
    "pages/similar.js",
    "pages/similar/collections.js",
    "pages/similar/sketch.js",
    "pages/status-lists.js",
    "pages/status.js",
    "queryui.nocache.js",
    "vendor/uplot/uPlot.esm.js",
];

/// The pages of the frame, in the order of its bar: a page is there when its module is.
const PAGES: [&str; 7] = ["graph", "explore", "screens", "anomalies", "alerts", "similar", "status"];

/// A built-in file by its name.
pub fn file(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

/// Names of the pages whose module `has` knows, separated by blanks.
pub fn pages(has: impl Fn(&str) -> bool) -> String {
    PAGES.into_iter().filter(|page| has(&format!("pages/{page}.js"))).collect::<Vec<_>>().join(" ")
}

/// The version of all files together: 16 hexadecimal digits.
pub fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let parts = FILES.iter().flat_map(|file| [file.name.as_bytes(), &[0], file.bytes]);
        format!("{:016x}", parts.fold(digest::OF_NOTHING, digest::and))
    })
}

/// The compressed form of a built-in file, if it is one that gets smaller.
pub fn gzip(file: &'static File) -> Option<&'static [u8]> {
    static PACKED: OnceLock<Vec<OnceLock<Vec<u8>>>> = OnceLock::new();
    let place = FILES.iter().position(|known| known.name == file.name)?;
    let packed = PACKED.get_or_init(|| FILES.iter().map(|_| OnceLock::new()).collect()).get(place)?;
    let packed = packed.get_or_init(|| pack(file.bytes).unwrap_or_default());
    (!packed.is_empty() && packed.len() < file.bytes.len()).then_some(packed)
}

fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// A tag for a file's contents, to be sent as `ETag`.
pub fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", digest::text(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn names_below(dir: &Path, prefix: &str, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).expect("folder").flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                names_below(&entry.path(), &format!("{name}/"), out);
            } else if !name.ends_with(".rs") && !name.contains("LICENSE") && !name.ends_with(".md") && name != "package.json" {
                out.push(name);
            }
        }
    }

    #[test]
    fn every_file_is_listed() {
        let mut there = Vec::new();
        names_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui"), "", &mut there);
        there.sort();
        let listed: Vec<String> = FILES.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(there, listed, "src/ui/mod.rs lists the files of its folder in order");
    }

    #[test]
    fn packed_and_named() {
        let file = file("app.js").expect("the frame");
        assert!(gzip(file).expect("gets smaller").len() < file.bytes.len());
        assert_eq!(version().len(), 16);
        assert_eq!(tag(b""), "\"cbf29ce484222325\"");
        assert_eq!(pages(|name| name == "pages/status.js" || name == "pages/graph.js"), "graph status");
    }
}
