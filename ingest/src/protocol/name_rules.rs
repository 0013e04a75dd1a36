//! What an application allows in the names of its points.

use penstock_model::Charset;
use penstock_tenancy::Profile;

/// The most tags of a client's own under [`Profile::OpenTsdb`]; a token's tags come on top.
pub const OPENTSDB_TAGS_MAX: usize = 8;

/// What the names of a client's point are checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct NameRules {
    /// Whether tags must be there, and how many there may be.
    pub profile: Profile,
    /// The characters of names.
    pub charset: Charset,
}
