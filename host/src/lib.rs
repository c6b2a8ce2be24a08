//! Arete.

pub mod config;
pub mod llm;
pub mod plugin;
