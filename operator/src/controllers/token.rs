//! The controller of tokens, one for both kinds.
//!
//! ```text
//!   dereference    what there is: application, namespace, ledger entry, Secret, the user's own Secret     (reads)
//!   preprocess     which id it has, which key its Secret holds, which one it shall hold                    (pure)
//!   validate       whether it may be used, and until when                                                  (pure)
//!   build          its ledger entry, and what comes next for its keys                                      (pure)
//!   apply          stage the entry; once the pods have it, write the Secret; then build again              (writes)
//!   update status  and events                                                                              (writes)
//! ```
//!
//! **The order of effects.** A key is in the ledger of every Ready pod before it is in the Secret; a replaced key gets its
//! end only when the Secret holds another. A new key stands in the publisher's memory until its Secret is written, so a
//! reconcile that finds one draws none. The Secret is created, or replaced upon the version that was read, never applied
//! by force: a late write of a former leader must not hand out a key that the ledger no longer has. Any prefix of this may
//! run twice.

mod apply;
mod build;
mod dereference;
pub(super) mod handed_out;
mod preprocess;
mod update_status;
mod validate;

use std::sync::Arc;

use kube::runtime::controller::Action;
use penstock_api::{ReadToken, WriteToken};

use super::caches::Cached;
use super::kinds::TokenKind;
use super::{Context, Failed, Reconciled};

impl Reconciled for WriteToken {
    async fn reconcile(self, context: &Arc<Context>) -> Result<Action, Failed> {
        reconcile(self, context).await
    }
}

impl Reconciled for ReadToken {
    async fn reconcile(self, context: &Arc<Context>) -> Result<Action, Failed> {
        reconcile(self, context).await
    }
}

/// Brings about what a token asks for.
pub(crate) async fn reconcile<K: TokenKind + Cached>(
    object: K,
    context: &Arc<Context>,
) -> Result<Action, Failed> {
    if object.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let token = object.clone().into_token();
    let found = dereference::dereference(&token, context).await?;
    let keys = preprocess::preprocess(&token, &found, context);
    let verdict = validate::validate(&token, &found, &keys);
    let endpoints = context.endpoints();
    let outcome = apply::apply(&object, &token, &found, keys, &verdict, context).await?;
    if outcome.is_up_to_date() {
        context.carries(&token.object_name(), &endpoints);
    }
    update_status::update_status(&object, &token, &found, &verdict, &outcome, context).await
}

#[cfg(test)]
mod tests;
