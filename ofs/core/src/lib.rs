//! The native core of the Offline Feature Shadow, seen from Python as `ofs._core`.
//!
//! Bytes in, bytes out: it knows no file, socket or clock. Bad input is a value, never a panic.
//! `_core.pyi` beside this crate is the contract; the `python` feature holds everything that needs an interpreter.

#![forbid(unsafe_code)]

pub mod admit;
pub mod canonical;
pub mod decisions;
pub mod digest;
pub mod inspect;
pub mod json;
pub mod pins;
pub mod record;
pub mod shapes;
pub mod time;
pub mod value;

pub mod assemble;
pub mod decoder;
pub mod fold;
pub mod ir;
pub mod keylog;
pub mod ops;
pub mod plan;
pub mod pool;
pub mod queries;
pub mod rows;
pub mod snapshot;
pub mod state;
pub mod windows;

#[cfg(feature = "python")]
pub mod python;
#[cfg(test)]
mod testing;

/// Name of the state encoding; a state of another format is refused.
pub const ENGINE_FORMAT: &str = "ofs-state/v1";
