//! Trees: rules that sort series into branches by their names and meta data.
