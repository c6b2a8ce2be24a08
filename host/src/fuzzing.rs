//! The functions that the fuzzer calls: each gives bytes from outside to what reads them first, and
//! panics where a promise isn't kept. `fuzz/` calls them with libFuzzer, the tests with the same
//! corpora and with fixed changes of them. Hidden behind a feature, as nobody else should call them.

mod cache_entry;
mod chat_body;
mod component;
mod cuts;
mod framing;
mod http_head;
mod provider_file;
mod redaction;
#[cfg(test)]
mod tests;

pub use self::cache_entry::run as cache_entry;
pub use self::chat_body::run as chat_body;
pub use self::component::run as component;
pub use self::framing::run as framing;
pub use self::http_head::run as http_head;
pub use self::provider_file::run as provider_file;
pub use self::redaction::run as redaction;
