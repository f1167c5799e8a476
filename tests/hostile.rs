//! Hostile input, end to end: a test per row of `hostile-input.md`, part 2, against the running
//! program. Rows 45 to 60 belong to HTTP/2.
//!
//! Three oracles: the verdict (status, connection closed), no echo (no byte of a refused message
//! reaches the origin), re-parse (what the origin got, read by a strict parser of the test's own, is
//! exactly what was meant). Every payload is sent at once and byte by byte, alone and behind a good
//! request on the same connection.

#[path = "hostile/chunks.rs"]
mod chunks;
#[path = "hostile/codings.rs"]
mod codings;
mod end_to_end;
#[path = "hostile/lane.rs"]
mod lane;
#[path = "hostile/lengths.rs"]
mod lengths;
#[path = "hostile/lifecycle.rs"]
mod lifecycle;
#[path = "hostile/lines.rs"]
mod lines;
