//! The files of the built-in pages, part of the binary. Served below `/s/` where the static root has none of that name.

/// A built-in file by its name below `/s/`.
pub fn file(name: &str) -> Option<&'static [u8]> {
    match name {
        "queryui.nocache.js" => Some(include_bytes!("queryui.nocache.js")),
        _ => None,
    }
}
