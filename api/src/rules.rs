//! The CEL rules of the resources, one place for each.
//!
//! Every map, list and string that a rule reads is bounded by the schema around it: the API server estimates what a
//! rule may cost, and refuses the whole definition if it may cost too much.

use kube::core::Rule;

/// Names stay short enough for what the operator derives from them.
pub(crate) fn name_length() -> Rule {
    Rule::new("self.metadata.name.size() <= 52").message("metadata.name has at most 52 characters")
}

/// Keys of forced tags. A leading `.` or `_` is reserved in every protocol, `ovh.auth` is a credential.
pub(crate) fn tag_keys() -> Rule {
    Rule::new("self.all(k, k.matches('^[A-Za-z0-9-][A-Za-z0-9._/-]{0,63}$') && k != 'ovh.auth')").message(
        "a tag key has 1 to 64 characters of A-Za-z0-9._/- and does not begin with . _ or /; ovh.auth is reserved",
    )
}

/// A token belongs to one application for ever: whoever holds its key must not find other data behind it.
pub(crate) fn fixed_application() -> Rule {
    Rule::new("self == oldSelf").message("applicationRef cannot be changed: make another token")
}

/// Revoked is final.
pub(crate) fn revoked_stays() -> Rule {
    Rule::new("oldSelf != 'Revoked' || self == 'Revoked'")
        .message("Revoked is final: make another token")
}

/// A token's first moment comes before its last.
pub(crate) fn begins_before_it_ends() -> Rule {
    Rule::new("!has(self.notBefore) || !has(self.expiresAt) || self.notBefore < self.expiresAt")
        .message("expiresAt must be later than notBefore")
        .field_path(".expiresAt")
}

/// A key comes from one place.
pub(crate) fn one_key_source() -> Rule {
    Rule::new(
        "[has(self.generate), has(self.secretRef), has(self.hashRef)].filter(x, x).size() == 1",
    )
    .message("exactly one of generate, secretRef and hashRef")
}
