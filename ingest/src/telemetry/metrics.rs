//! The counters of listener, authentication, ledger and HTTP.

use std::fmt;
use std::sync::atomic::AtomicU64;

use http::StatusCode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::auth::AuthError;
use crate::listener::detect::Protocol;

/// What the server's own parts count.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Connections by what they spoke.
    pub connections: Family<ConnectionLabels, Counter>,
    /// Connections open now.
    pub connections_open: Gauge,
    /// Times that an accept had to wait because as many connections were open as may be.
    pub accept_waits: Counter,
    /// Accepts that the system refused.
    pub accept_errors: Counter,
    /// Handshakes that failed.
    pub handshake_failures: Counter,
    /// Seconds since 1970 when the certificate that is served ends.
    pub certificate_end: Gauge,
    /// Certificate files that could not be taken; the last good one is served on.
    pub certificate_rejections: Counter,
    /// Credentials that were refused.
    pub auth_refusals: Family<RefusalLabels, Counter>,
    /// The revision of the ledger in force.
    pub ledger_revision: Gauge<u64, AtomicU64>,
    /// Ledgers taken.
    pub ledger_loads: Family<LedgerLabels, Counter>,
    /// Ledgers refused: damaged, unsigned, old.
    pub ledger_rejections: Family<LedgerLabels, Counter>,
    /// Ledgers that could not be kept on the data volume.
    pub ledger_keep_errors: Counter,
    /// Answers by class of status.
    pub http_answers: Family<AnswerLabels, Counter>,
    /// Bytes of bodies read, after decompression.
    pub http_body_bytes: Counter,
}

/// What a connection spoke.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConnectionLabels {
    /// The protocol.
    pub protocol: Spoken,
}

/// What a connection spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spoken {
    /// HTTP/1.
    Http1,
    /// HTTP/2.
    Http2,
    /// Lines.
    Telnet,
    /// Closed without a byte.
    Nothing,
    /// Plain text on a TLS port, or the reverse.
    Misplaced,
}

/// Why a credential was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusalLabels {
    /// The reason.
    pub reason: RefusalReason,
}

/// Why a credential was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// None was given.
    Missing,
    /// No credential by its form.
    Malformed,
    /// Nobody has it.
    Unknown,
    /// Known, but not taken here and now.
    Forbidden,
}

/// How a ledger came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LedgerLabels {
    /// The way.
    pub origin: LedgerOrigin,
}

/// How a ledger came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LedgerOrigin {
    /// The mounted file.
    File,
    /// The copy on the data volume.
    Kept,
    /// The admin port.
    Post,
    /// The embedding program.
    Process,
}

/// The class of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AnswerLabels {
    /// `2xx` to `5xx`, and those that a person would ask about by themselves.
    pub status: &'static str,
}

/// How each label is written.
macro_rules! label_values {
    ($($label:ty { $($variant:ident: $text:literal),+ })+) => {$(
        impl EncodeLabelValue for $label {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
                fmt::Write::write_str(encoder, match self { $(Self::$variant => $text),+ })
            }
        }
    )+};
}

label_values! {
    Spoken {
        Http1: "http1", Http2: "http2", Telnet: "telnet", Nothing: "nothing", Misplaced: "misplaced"
    }
    RefusalReason {
        Missing: "missing", Malformed: "malformed", Unknown: "unknown", Forbidden: "forbidden"
    }
    LedgerOrigin { File: "file", Kept: "kept", Post: "post", Process: "process" }
}

impl From<AuthError> for RefusalReason {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => Self::Missing,
            AuthError::Malformed(_) => Self::Malformed,
            AuthError::Unknown => Self::Unknown,
            AuthError::Refused(_) => Self::Forbidden,
        }
    }
}

impl From<Protocol> for Spoken {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Http1 => Self::Http1,
            Protocol::Http2 => Self::Http2,
            Protocol::Telnet => Self::Telnet,
            Protocol::Tls => Self::Misplaced,
        }
    }
}

impl Metrics {
    /// Makes all of them known to a registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        metrics.register_listener(registry);
        metrics.register_ledger(registry);
        registry.register(
            "penstock_http_answers",
            "Answers to requests by status",
            metrics.http_answers.clone(),
        );
        registry.register(
            "penstock_http_body_bytes",
            "Bytes of request bodies, after decompression",
            metrics.http_body_bytes.clone(),
        );
        metrics
    }

    fn register_listener(&self, registry: &mut Registry) {
        registry.register(
            "penstock_listener_connections",
            "Connections by what they spoke",
            self.connections.clone(),
        );
        registry.register(
            "penstock_listener_connections_open",
            "Connections open now",
            self.connections_open.clone(),
        );
        registry.register(
            "penstock_listener_accept_waits",
            "Accepts that waited for another connection to close",
            self.accept_waits.clone(),
        );
        registry.register(
            "penstock_listener_accept_errors",
            "Accepts that the system refused",
            self.accept_errors.clone(),
        );
        registry.register(
            "penstock_tls_handshake_failures",
            "TLS handshakes that failed",
            self.handshake_failures.clone(),
        );
        registry.register(
            "penstock_tls_certificate_end_timestamp_seconds",
            "When the certificate that is served ends",
            self.certificate_end.clone(),
        );
        registry.register(
            "penstock_tls_certificate_rejections",
            "Changed certificate files that could not be taken",
            self.certificate_rejections.clone(),
        );
    }

    fn register_ledger(&self, registry: &mut Registry) {
        registry.register(
            "penstock_auth_refusals",
            "Credentials that were refused",
            self.auth_refusals.clone(),
        );
        registry.register(
            "penstock_ledger_revision",
            "The revision of the ledger in force",
            self.ledger_revision.clone(),
        );
        registry.register(
            "penstock_ledger_loads",
            "Ledgers taken",
            self.ledger_loads.clone(),
        );
        registry.register(
            "penstock_ledger_rejections",
            "Ledgers refused because damaged, unsigned or old",
            self.ledger_rejections.clone(),
        );
        registry.register(
            "penstock_ledger_keep_errors",
            "Ledgers that could not be kept on the data volume",
            self.ledger_keep_errors.clone(),
        );
    }

    /// Counts a connection by what it spoke.
    pub fn count_connection(&self, protocol: Spoken) {
        self.connections
            .get_or_create(&ConnectionLabels { protocol })
            .inc();
    }

    /// Counts a ledger that was refused.
    pub fn count_ledger_rejection(&self, origin: LedgerOrigin) {
        self.ledger_rejections
            .get_or_create(&LedgerLabels { origin })
            .inc();
    }

    /// Counts an answer.
    pub fn count_answer(&self, status: StatusCode) {
        let status = match status.as_u16() {
            200 | 204 => "2xx",
            400 => "400",
            401 => "401",
            403 => "403",
            404 => "404",
            413 => "413",
            429 => "429",
            503 => "503",
            code if code < 300 => "2xx",
            code if code < 400 => "3xx",
            code if code < 500 => "4xx",
            _ => "5xx",
        };
        self.http_answers
            .get_or_create(&AnswerLabels { status })
            .inc();
    }

    /// Counts a refused credential.
    pub fn count_refusal(&self, error: AuthError) {
        let reason = error.into();
        self.auth_refusals
            .get_or_create(&RefusalLabels { reason })
            .inc();
    }
}
