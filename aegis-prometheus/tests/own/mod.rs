//! Aegis itself, watched.

mod dashboard;
mod exporter;
mod page;
mod planner;
mod promtool;
mod rules;
mod series;
