//! Messages of librdkafka as columns.
//!
//! The library is the one that confluent_kafka is linked with; the addresses of its functions come from Python, so
//! nothing is linked here. `library` holds all that is unsafe, and hands out slices that live as long as the messages.

#[forbid(unsafe_code)]
pub mod columns;
pub mod library;
#[cfg(feature = "python")]
pub mod python;
#[forbid(unsafe_code)]
pub mod table;
#[cfg(test)]
mod tests;
