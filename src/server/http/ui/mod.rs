//! `/api/ui/*`: what the built-in pages ask for and OpenTSDB has no endpoint for. One file a resource; each endpoint has
//! its line in the table of `route.rs`, which decides about modes and pools.
