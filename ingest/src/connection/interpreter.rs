//! Executes lines: who they are from, what they say, what is answered. It does no I/O.

use penstock_tenancy::{OnError, Profile};
use tokio_util::sync::CancellationToken;

use super::anonymous::Anonymous;
use super::authenticated::Authenticated;
use super::closing::Ending;
use super::output::{Output, PeerDoesNotRead};
use crate::protocol::point::Point;
use crate::protocol::telnet::framing::{
    LENIENT_LINE_BYTES_MAX, Negotiation, OPENTSDB_LINE_BYTES_MAX, negotiation,
};
use crate::protocol::telnet::{Command, Framed, LineError, Verb, next_line, reply, scan_line};
use crate::write::batch::{Batch, Committed};
use crate::write::extra_labels::ExtraLabels;
use crate::write::gate::{Denied, Gate};
use crate::write::point_tokens::PointTokens;
use crate::write::{EventLoop, RefusalKind};

/// The host in the answer to `stats`. Which machine it is, is nobody's business.
pub(crate) const STATS_HOST: &str = "penstock";

/// The state of one session's conversation.
#[derive(Debug)]
pub(super) struct Interpreter<'a> {
    gate: Gate<'a>,
    event_loop: &'a EventLoop,
    session: Session,
    point_tokens: PointTokens,
    /// Bytes of the Telnet protocol proper may come before the first command only.
    begun: bool,
    points: u64,
}

#[derive(Debug)]
enum Session {
    Anonymous(Anonymous),
    Authenticated(Authenticated),
}

/// What came of some bytes.
#[derive(Debug)]
pub(super) struct Executed {
    /// How many of them are done with.
    pub(super) taken: usize,
    /// What became of the points among them. It comes before `step`.
    pub(super) committed: Committed,
    /// What to do next.
    pub(super) step: Step,
}

/// What to do after some lines.
#[derive(Debug)]
pub(super) enum Step {
    /// No whole line is left.
    ReadMore,
    /// Answer `version` once everything before it is durable, then go on.
    Version,
    /// End the session.
    End(Ending),
}

/// A line that was refused: what to say, and whether to go on.
struct BadLine {
    text: String,
    on_error: OnError,
}

impl<'a> Interpreter<'a> {
    pub(super) fn new(gate: Gate<'a>, event_loop: &'a EventLoop) -> Self {
        Self {
            gate,
            event_loop,
            session: Session::Anonymous(Anonymous::default()),
            point_tokens: PointTokens::default(),
            begun: false,
            points: 0,
        }
    }

    /// How many points were taken.
    pub(super) fn points(&self) -> u64 {
        self.points
    }

    /// How the session reads lines. Until it has authenticated, leniently.
    pub(super) fn profile(&self) -> Profile {
        match &self.session {
            Session::Anonymous(_) => Profile::Lenient,
            Session::Authenticated(session) => session.grant().profile(),
        }
    }

    /// Whether anybody has vouched for the session yet.
    pub(super) fn has_shown_a_token(&self) -> bool {
        matches!(self.session, Session::Authenticated(_)) || self.point_tokens.latest().is_some()
    }

    /// Cancelled when the session's token may no longer be used.
    pub(super) fn cut(&self) -> &CancellationToken {
        match &self.session {
            Session::Anonymous(session) => session.cut(),
            Session::Authenticated(session) => session.grant().cut(),
        }
    }

    /// The error line of a session that was cut.
    pub(super) fn why_cut(&self) -> String {
        let reason = match &self.session {
            Session::Anonymous(_) => Denied::NoCredential,
            Session::Authenticated(session) => self.gate.why_cut(session.grant()),
        };
        reply::auth_refused(&reason)
    }

    /// Executes whole lines until something must be waited for.
    pub(super) fn execute(&mut self, bytes: &[u8], output: &mut Output) -> Executed {
        let mut rest = bytes;
        if !self.begun && !self.skip_negotiation(&mut rest) {
            return Executed {
                taken: 0,
                committed: Committed::Nothing,
                step: Step::ReadMore,
            };
        }
        let mut batch = self.event_loop.batch();
        let step = match self.follow_ledger() {
            Ok(()) => self.execute_lines(&mut rest, &mut batch, output),
            Err(denied) => Step::End(Ending::Refused(reply::auth_refused(&denied))),
        };
        Executed {
            taken: bytes.len() - rest.len(),
            committed: batch.commit(),
            step,
        }
    }

    fn execute_lines(
        &mut self,
        rest: &mut &[u8],
        batch: &mut Batch<'_>,
        output: &mut Output,
    ) -> Step {
        loop {
            let profile = self.profile();
            let line_max = match profile {
                Profile::Lenient => LENIENT_LINE_BYTES_MAX,
                Profile::OpenTsdb => OPENTSDB_LINE_BYTES_MAX,
            };
            let line = match next_line(rest, line_max) {
                Framed::Line { line, taken } => {
                    *rest = rest.get(taken..).unwrap_or_default();
                    line
                }
                Framed::Incomplete => return Step::ReadMore,
                Framed::TooLong => {
                    return Step::End(Ending::Refused(reply::line_too_long(line_max)));
                }
            };
            // The common case, before anything else is asked.
            let step = match &scan_line(line, profile) {
                Ok(Command::Put(point)) => self.store(Verb::Put, point, batch, output),
                Ok(Command::Rollup(point)) => self.store(Verb::Rollup, point, batch, output),
                Ok(command) => self.obey(command, profile, output),
                Err(error) => bad_line(&self.scan_failed(error), output),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    #[inline]
    fn store(
        &mut self,
        verb: Verb,
        point: &Point<'_>,
        batch: &mut Batch<'_>,
        output: &mut Output,
    ) -> Option<Step> {
        let grant = match (point.credential, &self.session) {
            (Some(credential), _) => self.point_tokens.grant(credential, &self.gate),
            (None, Session::Authenticated(session)) => Ok(session.grant()),
            (None, Session::Anonymous(_)) => Err(Denied::NoCredential),
        };
        let bad = match grant {
            Ok(grant) => match batch.put(point, grant, &ExtraLabels::NONE) {
                Ok(()) => {
                    self.points += 1;
                    return None;
                }
                Err(refusal) => BadLine {
                    text: reply::refused(verb, &refusal.telnet_text()),
                    on_error: match refusal.kind() {
                        // The next line would fare no better.
                        RefusalKind::Overload => OnError::Close,
                        RefusalKind::Data | RefusalKind::Quota => grant.on_error(),
                    },
                },
            },
            Err(Denied::Limit(exceeded)) => BadLine {
                text: reply::refused(verb, &format_args!("Please throttle writes: {exceeded}")),
                on_error: OnError::Close,
            },
            Err(denied) => BadLine {
                text: reply::unauthorized(verb, &denied),
                on_error: OnError::Close,
            },
        };
        bad_line(&bad, output)
    }

    fn obey(
        &mut self,
        command: &Command<'_>,
        profile: Profile,
        output: &mut Output,
    ) -> Option<Step> {
        let answered = match command {
            Command::Put(_) | Command::Rollup(_) | Command::Nothing => return None,
            Command::Version => return Some(Step::Version),
            Command::Exit => return Some(Step::End(Ending::Clean)),
            Command::Auth(credential) => match Anonymous::authenticate(&self.gate, credential.0) {
                Ok(session) => {
                    self.session = Session::Authenticated(session);
                    output.push(reply::AUTHENTICATED)
                }
                Err(denied) => {
                    let line = reply::auth_refused(&denied);
                    return Some(Step::End(Ending::Refused(line)));
                }
            },
            Command::Help => output.push(reply::help(profile)),
            Command::Stats => output.push(self.stats().as_bytes()),
            Command::DropCaches => output.push(reply::CACHES_DROPPED),
        };
        unless_unread(answered)
    }

    /// What the session may know: its own counts and its tenant's, nobody else's.
    fn stats(&self) -> String {
        let now = self.event_loop.clock().now();
        let mut answer = reply::stat_line("connection.points", now, self.points, STATS_HOST);
        if let Session::Authenticated(session) = &self.session {
            let active = self.event_loop.active_series(session.grant().tenant());
            answer.push_str(&reply::stat_line("series.active", now, active, STATS_HOST));
        }
        answer
    }

    /// A line that could not be read has no token of its own: the session's application, or that of the last
    /// line with a token, decides what follows.
    fn scan_failed(&self, error: &LineError) -> BadLine {
        let grant = match &self.session {
            Session::Authenticated(session) => Some(session.grant()),
            Session::Anonymous(_) => self.point_tokens.latest(),
        };
        if matches!(error, LineError::Point { .. }) {
            self.event_loop.count_refused(RefusalKind::Data);
        }
        BadLine {
            text: reply::error_line(error),
            on_error: grant.map_or(OnError::Close, |grant| grant.on_error()),
        }
    }

    fn follow_ledger(&mut self) -> Result<(), Denied> {
        self.point_tokens.forget_cut();
        match &mut self.session {
            Session::Anonymous(_) => Ok(()),
            Session::Authenticated(session) => session.renew(&self.gate),
        }
    }

    /// Drops what a telnet program says to its peer before the first command; false if more must be read.
    fn skip_negotiation(&mut self, rest: &mut &[u8]) -> bool {
        match negotiation(rest) {
            Negotiation::Incomplete if rest.len() < LENIENT_LINE_BYTES_MAX => false,
            Negotiation::Incomplete => {
                self.begun = true;
                true
            }
            Negotiation::Skip(bytes) => {
                *rest = rest.get(bytes..).unwrap_or_default();
                self.begun = !rest.is_empty();
                true
            }
        }
    }
}

fn bad_line(bad: &BadLine, output: &mut Output) -> Option<Step> {
    match bad.on_error {
        OnError::Close => Some(Step::End(Ending::refused(bad.text.as_str()))),
        OnError::KeepOpen => unless_unread(output.push(bad.text.as_bytes())),
    }
}

fn unless_unread(answered: Result<(), PeerDoesNotRead>) -> Option<Step> {
    answered.err().map(|unread| Step::End(unread.into()))
}
