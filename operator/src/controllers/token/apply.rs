//! The apply step: stage the entry; once the pods have it, write the Secret; then look again what follows from that.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use penstock_api::propagation::Reach;
use penstock_api::rotation::{HandOut, Step};
use penstock_api::token_status::SecretFacts;
use penstock_api::{KeyMaterial, Problem, Token, TokenStatus};
use penstock_tenancy::{KeyHash, LedgerKey, redact_keys};

use super::super::caches::Cached;
use super::super::kinds::TokenKind;
use super::super::status::write;
use super::super::{Context, Failed};
use super::build::{self, Prepared, build};
use super::dereference::{Found, FoundSecret, uid};
use super::handed_out::NewKey;
use super::preprocess::{Keys, Material, Noted};
use super::validate::Verdict;
use crate::cluster::MANAGER;

/// Drawing, handing out and settling, each once, and a look at the end.
const ROUNDS_MAX: usize = 5;

/// What was brought about.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) keys: Vec<LedgerKey>,
    pub(super) held: Option<KeyHash>,
    pub(super) noted: Noted,
    pub(super) secret: SecretFacts,
    pub(super) step: Step,
    pub(super) reach: Reach,
    /// The id, unless nobody needs one yet.
    pub(super) id: Option<penstock_tenancy::TokenId>,
    /// The entry cannot stand in a ledger.
    pub(super) problem: Option<Problem>,
}

impl Applied {
    /// Whether the Secret, if there is one of ours, has the certificates of now.
    pub(super) fn is_up_to_date(&self) -> bool {
        !matches!(self.secret, SecretFacts::Failed(_))
    }
}

/// One token on its way through the step.
struct Applying<'a, K> {
    object: &'a K,
    token: &'a Token,
    found: &'a Found,
    context: &'a Arc<Context>,
    keys: Keys,
    secret: Option<FoundSecret>,
    is_announced: bool,
}

/// Brings it about, as far as that is possible now.
pub(super) async fn apply<K: TokenKind + Cached>(
    object: &K,
    token: &Token,
    found: &Found,
    keys: Keys,
    verdict: &Verdict,
    context: &Arc<Context>,
) -> Result<Applied, Failed> {
    let mut applying = Applying {
        object,
        token,
        found,
        context,
        keys,
        secret: found.secret.clone(),
        is_announced: token
            .status()
            .is_some_and(|status| status.secret_name.is_some()),
    };
    for _ in 0..ROUNDS_MAX {
        let (secret, announced) = (applying.secret.as_ref(), applying.is_announced);
        let prepared = match build(token, found, &applying.keys, secret, announced, verdict) {
            Ok(prepared) => prepared,
            Err(problem) => return Ok(applying.stopped(problem)),
        };
        if let Some(applied) = applying.round(prepared, verdict).await? {
            return Ok(applied);
        }
    }
    Err(Failed::Overtaken)
}

impl<K: TokenKind + Cached> Applying<'_, K> {
    /// One step; `None` if there is another.
    async fn round(
        &mut self,
        prepared: Prepared,
        verdict: &Verdict,
    ) -> Result<Option<Applied>, Failed> {
        if self.is_foreign()
            && matches!(verdict, Verdict::Accepted(_))
            && self.keys.recorded.is_empty()
        {
            // No key is drawn that could not be handed out.
            return Ok(Some(self.applied(
                prepared,
                Reach::Nothing,
                SecretFacts::Conflict,
            )));
        }
        if prepared.plan.step == Step::Draw {
            if self.is_foreign() {
                let reach = self.stage(&prepared)?;
                return Ok(Some(self.applied(prepared, reach, SecretFacts::Conflict)));
            }
            let key = self.context.draw_key(self.token.permission());
            let (has_no_secret, now) = (self.secret.is_none(), self.context.monotonic());
            let drafts = &self.context.drafts;
            drafts.keep(
                uid(self.token),
                self.keys.id,
                key.clone(),
                has_no_secret,
                now,
            );
            self.keys.material = Some(Material::Drawn(KeyMaterial::Key(key)));
            return Ok(None);
        }
        let reach = self.stage(&prepared)?;
        match prepared.plan.step {
            _ if self.is_foreign() => {
                Ok(Some(self.applied(prepared, reach, SecretFacts::Conflict)))
            }
            Step::HandOut(hand_out) if reach.is_all() => {
                self.hand_out(prepared, reach, hand_out).await
            }
            Step::Settled | Step::Settling if matches!(verdict, Verdict::Accepted(_)) => {
                self.context.drafts.forget(uid(self.token));
                self.refresh(prepared, reach).await.map(Some)
            }
            _ => {
                let facts = self.secret_facts(&prepared);
                Ok(Some(self.applied(prepared, reach, facts)))
            }
        }
    }

    /// Unless the token has changed since it was read: by then somebody may have staged what takes it away.
    fn stage(&self, prepared: &Prepared) -> Result<Reach, Failed> {
        let Some(change) = &prepared.change else {
            return Ok(Reach::Nothing);
        };
        let publisher = &self.context.publisher;
        let is_current = || self.object.is_current(&self.context.caches);
        if !publisher.stage_if(self.token.object_name(), change.clone(), is_current) {
            return Err(Failed::Stale);
        }
        Ok(publisher.progress(change))
    }

    /// The pods have the key: the Secret gets it.
    async fn hand_out(
        &mut self,
        prepared: Prepared,
        reach: Reach,
        hand_out: HandOut,
    ) -> Result<Option<Applied>, Failed> {
        let Some(material) = self.keys.material.clone() else {
            return Err(Failed::Overtaken);
        };
        if hand_out.announce {
            self.announce().await?;
            return Ok(None);
        }
        let noted = self.next_note(&prepared);
        let (key, before) = (material.key(), self.secret.as_ref());
        let secret = build::secret(
            self.token,
            &self.keys,
            key,
            &noted,
            &self.context.endpoints(),
            before,
        );
        match self.write_secret(secret).await? {
            Ok(written) => {
                self.tell_handed_out(&prepared, &noted).await;
                self.context.drafts.forget(uid(self.token));
                self.secret = Some(FoundSecret::new(written, self.token));
                self.keys.noted = noted;
                self.keys.recorded = prepared.plan.keys;
                if matches!(material, Material::Drawn(_)) {
                    self.keys.material = None;
                }
                Ok(None)
            }
            Err(why) => Ok(Some(self.applied(
                prepared,
                reach,
                SecretFacts::Failed(why),
            ))),
        }
    }

    /// Nothing is to be handed out: the Secret's other contents may have changed, such as the authority's certificate.
    async fn refresh(&mut self, prepared: Prepared, reach: Reach) -> Result<Applied, Failed> {
        let Some(before) = self.secret.clone() else {
            let facts = self.secret_facts(&prepared);
            return Ok(self.applied(prepared, reach, facts));
        };
        let key = match (&self.keys.material, &before.credential.key) {
            (Some(Material::Brought(key)), _) => Some(key.clone()),
            (_, Some(key)) => Some(KeyMaterial::Key(key.clone())),
            _ => None,
        };
        let Some(key) = key.filter(|key| prepared.held == Some(key.hash())) else {
            return Ok(self.applied(prepared, reach, SecretFacts::Written));
        };
        let noted = Noted::of(&before);
        let wanted = build::secret(
            self.token,
            &self.keys,
            &key,
            &noted,
            &self.context.endpoints(),
            Some(&before),
        );
        if is_same(&wanted, &before.secret) {
            return Ok(self.applied(prepared, reach, SecretFacts::Written));
        }
        match self.write_secret(wanted).await? {
            Ok(written) => {
                self.secret = Some(FoundSecret::new(written, self.token));
                Ok(self.applied(prepared, reach, SecretFacts::Written))
            }
            Err(why) => Ok(self.applied(prepared, reach, SecretFacts::Failed(why))),
        }
    }

    /// Creates the Secret, or replaces the one that was read. `Err` tells why the API server will not have it.
    async fn write_secret(&self, secret: Secret) -> Result<Result<Secret, String>, Failed> {
        let (namespace, name) = (self.token.token_name().namespace, self.token.secret_name());
        let api: Api<Secret> = Api::namespaced(self.context.fenced.clone(), &namespace);
        let by = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        self.context.drafts.may_have_secret(uid(self.token));
        let caches = &self.context.caches;
        let mut own = caches.begin_write(self.token.object_name(), &name);
        let written = match secret.metadata.resource_version {
            None => api.create(&by, &secret).await,
            Some(_) => api.replace(&name, &by, &secret).await,
        };
        if let Ok(written) = &written {
            own.made(written);
        }
        drop(own);
        match written {
            Ok(written) => {
                self.context.metrics.secrets_written.inc();
                Ok(Ok(written))
            }
            // Somebody was faster, perhaps we ourselves: the next reconcile sees what is there.
            Err(kube::Error::Api(refused))
                if matches!(refused.code, 404 | 409) && !is_final(&refused.message) =>
            {
                Err(Failed::Overtaken)
            }
            Err(kube::Error::Api(refused))
                if (400..500).contains(&refused.code) && refused.code != 429 =>
            {
                Ok(Err(redact_keys(&refused.message).into_owned()))
            }
            Err(error) => Err(Failed::api("write the Secret")(error)),
        }
    }

    /// The status says that a key is handed out before it is.
    async fn announce(&mut self) -> Result<(), Failed> {
        let status = TokenStatus {
            id: Some(self.keys.id.to_string()),
            secret_name: Some(self.token.secret_name()),
            ..self.token.status().cloned().unwrap_or_default()
        };
        write(self.context, self.object, &status).await?;
        self.is_announced = true;
        Ok(())
    }

    fn next_note(&self, prepared: &Prepared) -> Noted {
        let is_taken_over = prepared.held.is_none()
            && !self.is_new()
            && self.secret.is_some()
            && self.keys.recorded.is_empty();
        Noted {
            version: if is_taken_over {
                self.keys.noted.version.max(1)
            } else {
                self.keys.noted.version + 1
            },
            made_at: Some(self.found.now),
            trigger: self.token.spec().rotation.trigger.clone(),
        }
    }

    fn is_new(&self) -> bool {
        self.keys.noted.version == 0
    }

    async fn tell_handed_out(&self, prepared: &Prepared, noted: &Noted) {
        let rotation = &self.token.spec().rotation;
        let is_triggered =
            rotation.trigger.is_some() && rotation.trigger != self.keys.noted.trigger;
        let new = match (&self.keys.material, prepared.held) {
            // A first key is what everybody expects: the conditions tell it.
            _ if self.is_new() => return,
            (Some(Material::Brought(_)), _) => NewKey::Brought,
            (_, None) => NewKey::Lost,
            (_, Some(_)) if is_triggered => NewKey::Triggered,
            (_, Some(_)) => NewKey::Scheduled,
        };
        let secret = self.token.secret_name();
        let event = new.event(&secret, noted.version, &rotation.overlap);
        self.context.announce(self.object, &event).await;
    }

    fn is_foreign(&self) -> bool {
        self.secret
            .as_ref()
            .is_some_and(|secret| !secret.is_usable())
    }

    fn secret_facts(&self, prepared: &Prepared) -> SecretFacts {
        match &self.secret {
            Some(secret) if !secret.is_usable() => SecretFacts::Conflict,
            Some(_) if prepared.held.is_some() => SecretFacts::Written,
            _ => SecretFacts::Missing,
        }
    }

    fn applied(&self, prepared: Prepared, reach: Reach, secret: SecretFacts) -> Applied {
        let is_known = prepared.change.is_some() || !self.keys.recorded.is_empty();
        Applied {
            keys: prepared.plan.keys,
            held: prepared.held,
            noted: self.keys.noted.clone(),
            secret,
            step: prepared.plan.step,
            reach,
            id: is_known.then_some(self.keys.id),
            problem: None,
        }
    }

    fn stopped(&self, problem: Problem) -> Applied {
        Applied {
            keys: self.keys.recorded.clone(),
            held: None,
            noted: self.keys.noted.clone(),
            secret: SecretFacts::Missing,
            step: Step::Settled,
            reach: Reach::Nothing,
            id: (!self.keys.recorded.is_empty()).then_some(self.keys.id),
            problem: Some(problem),
        }
    }
}

/// A namespace that is going takes nothing new; that is no race.
fn is_final(message: &str) -> bool {
    message.contains("being terminated")
}

/// Whether writing would change anything.
fn is_same(wanted: &Secret, there: &Secret) -> bool {
    let (a, b) = (&wanted.metadata, &there.metadata);
    wanted.data == there.data
        && a.labels == b.labels
        && a.annotations == b.annotations
        && a.owner_references == b.owner_references
}
