//! JSON bodies of `/api/put` and `/api/rollup`, and the answers to them.
//!
//! ```text
//!   body ── PutBody::parse: the whole of it, nothing is stored before ──> Ok | BodyError (400)
//!     └──── next() ──> Element ── check(profile) ──> Point | PointFault ──> Answer
//!
//!   one element:  fast::scan      strings without escapes, known members, no allocation
//!                 └ else complete::read   everything else that `OpenTSDB` takes
//! ```
//!
//! A body is read twice, since broken JSON at its end must store nothing of its beginning: first all of it
//! for its syntax, then point by point. Neither pass keeps anything of a point, so a body costs no memory
//! beside its own bytes and the errors that are listed.

pub mod answer;
pub mod body;
mod complete;
mod echo;
pub mod element;
mod fast;
pub mod options;
mod reader;

pub use answer::{Answer, Cause, Reply};
pub use body::{BodyError, PutBody, Shape};
pub use element::Element;
pub use options::{AnswerForm, PutOptions};
