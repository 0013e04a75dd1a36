//! The data model of Penstock: what a data point is made of, and what makes two points the same series.
//!
//! ```text
//!   put sys.cpu.nice 1346846400 18.5 host=web01 dc=lga
//!       └─ metric ─┘ └timestamp┘ └value┘ └── tags ──┘
//!       Charset      Timestamp   Value   Tags
//!       └───────────┬──────────────────────────┘
//!                SeriesKey = tenant + kind + metric + sorted tags
//! ```
//!
//! Everything here is pure: no I/O, no async, nothing of Penstock's other crates. Text is parsed once, at
//! the edge, into these types; behind the edge nobody looks at raw bytes again.
//!
//! What is not here: who may write a point (`tenancy`), how it is kept (`store`), how it looks on
//! the wire (`ingest`).

pub mod charset;
pub mod clock;
pub mod rollup;
pub mod series_key;
pub mod tags;
pub mod tenant_id;
pub mod timestamp;
pub mod uid;
pub mod value;
pub mod with_causes;

pub use charset::{Charset, NameError, NameRole};
pub use clock::{Clock, SystemClock};
pub use rollup::{Aggregator, Interval, KindParts, SeriesKind};
pub use series_key::{KeyPieces, SeriesIdentity, SeriesKey, join_pair, split_pair, value_of_pair};
pub use tags::{Tags, TagsError};
pub use tenant_id::TenantId;
pub use timestamp::{Day, Timestamp, TimestampError};
pub use uid::{Uid, Uids, split_tsuid};
pub use value::{Value, ValueError};
pub use with_causes::WithCauses;
