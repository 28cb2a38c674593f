//! Lapwing, the program: configuration, wiring, outputs, command line.
//!
//! A library so that tests and fuzz targets reach every part; `main.rs` only starts it. One line for each part:

#![warn(clippy::missing_errors_doc)]

pub mod alertmanager;
pub mod alone;
pub mod capture;
pub mod check;
pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod control;
pub mod cost;
pub mod files;
pub mod http;
pub mod last_alerts;
pub mod log;
pub mod mask_command;
pub mod metrics;
pub mod outputs;
pub mod pipeline;
pub mod privileges;
pub mod probes;
pub mod recent;
pub mod record;
pub mod recording;
pub mod replay;
pub mod resolve;
pub mod rules_command;
pub mod run;
pub mod state_dir;
pub mod status;
pub mod tls;
pub mod unwatched;
