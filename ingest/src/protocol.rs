//! Bytes to meaning and back, without I/O.
//!
//! ```text
//!   telnet  ── line ──> command ──┐                            ┌─> SeriesCache (hit: fingerprint)
//!                                 ├─> Point (borrowed, raw) ───┤
//!   HTTP    ── body ──> element ──┘                            └─> Point::client_series (miss: names, tags)
//!
//!   PointFault ──> error line (telnet::reply) | error text and echo (json::answer)
//!   match[], start, end ──> Selection, window (selector, export) ──> JSON lines
//! ```
//!
//! The scanners check framing, numbers and times, allocate nothing for a good point and never look into
//! names: [`Point::client_series`](point::Point::client_series) does, once for each series that a worker
//! does not know yet. What a point that is refused is told stands in one place, [`fault`].
//!
//! What is not here: sockets and bodies (`connection`, `http`), credentials (`auth`), limits (`limit`).

pub mod client_series;
pub mod export;
pub mod fault;
pub mod json;
pub mod last;
pub mod lookup;
pub mod name_rules;
pub mod point;
pub mod quote;
mod rollup;
pub mod selector;
pub mod tags;
pub mod telnet;
mod whole_number;

/// A key as a token has it, for tests of what must never be shown.
#[cfg(test)]
fn example_key() -> String {
    use rand::SeedableRng as _;

    let mut rng = rand::rngs::StdRng::seed_from_u64(7);
    penstock_tenancy::Key::draw(&mut rng, penstock_tenancy::Permission::Write)
        .expose()
        .to_owned()
}
