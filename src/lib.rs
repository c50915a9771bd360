//! A TSD in the place of OpenTSDB 2.4. In reading order: [`point`], [`codec`], [`store`], [`uid`], [`write`], [`query`],
//! [`server`], [`cli`].

pub mod catalog;
pub mod cli;
mod clock;
pub mod codec;
pub mod config;
pub mod desk;
mod digest;
#[cfg(test)]
mod fuzz;
pub mod logbook;
pub mod meta;
pub mod plot;
pub mod point;
pub mod publish;
pub mod query;
pub mod server;
pub mod stats;
pub mod store;
pub mod tree;
pub mod tsd;
pub mod ui;
pub mod uid;
pub mod worker;
pub mod write;
