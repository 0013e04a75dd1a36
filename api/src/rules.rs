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

/// Whoever brings a key along changes it where it stands.
pub(crate) fn only_drawn_keys_rotate() -> Rule {
    Rule::new(
        "!has(self.rotation) || !has(self.key) || has(self.key.generate) || !(has(self.rotation.every) || has(self.rotation.trigger))",
    )
    .message("every and trigger need key.generate: a key that you bring along is replaced by changing its Secret")
    .field_path(".rotation")
}

/// Two keys at a time are enough for a schedule.
pub(crate) fn overlap_ends_before_the_next() -> Rule {
    Rule::new("!has(self.every) || duration(has(self.overlap) ? self.overlap : '24h') < duration(self.every)")
        .message("overlap (24h if it is not set) must be shorter than every")
}

/// Shorter spans would be noise.
pub(crate) fn at_least_a_minute() -> Rule {
    Rule::new("duration(self) >= duration('1m')").message("must be at least 1m")
}

/// A selector that nobody asks, or none where one is asked for, would be a mistake.
pub(crate) fn selector_where_it_counts() -> Rule {
    Rule::new("(has(self.from) && self.from == 'Selector') == has(self.selector)")
        .message("selector goes with from: Selector")
}

/// Other data would be found behind the same tokens.
pub(crate) fn fixed_tenant() -> Rule {
    Rule::new(
        "has(self.tenantID) == has(oldSelf.tenantID) && (!has(self.tenantID) || self.tenantID == oldSelf.tenantID)",
    )
    .message("tenantID cannot be changed: make another application")
    .field_path(".tenantID")
}
