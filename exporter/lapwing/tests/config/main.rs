//! The configuration: its defaults, its example, its layers, and what is said of each mistake.

#![allow(clippy::expect_used)] // helpers of tests: clippy.toml allows it in the tests themselves only

mod alertmanager;
mod builtin;
mod example;
mod layers;
mod problems;
mod rules;
mod settings;
