//! Which id and which key each token has: brought along, kept, or drawn.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use penstock_api::key_source::bring_along;
use penstock_api::{KeyMaterial, Problem, SecretData, Token, TokenKeys, TokenName};
use penstock_tenancy::{
    Key, KeyHash, Ledger, LedgerKey, LedgerToken, TokenId, TokenState, looks_like_key,
};
use rand::CryptoRng;

use crate::standalone::key_files::{KeptToken, SecretName};

/// The id and the key of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenKey {
    pub(super) id: TokenId,
    pub(super) files: Files,
    hash: KeyHash,
}

/// What the files of a token shall hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Files {
    /// This key, or what goes with a hash.
    Hold(KeyMaterial),
    /// What they hold is not the key in force; they are left alone.
    Damaged,
    /// The key that the user should bring along is missing; they are left alone.
    SourceLost,
}

impl TokenKey {
    pub(super) fn for_ledger(&self) -> TokenKeys {
        TokenKeys {
            id: self.id,
            keys: vec![LedgerKey {
                hash: self.hash,
                not_after: None,
            }],
        }
    }
}

/// Finds or draws ids and keys.
pub(super) struct Drawer<'a> {
    kept: &'a BTreeMap<SecretName, KeptToken>,
    secrets: &'a [SecretData],
    before: HashMap<TokenName, &'a LedgerToken>,
    taken: BTreeSet<TokenId>,
}

impl<'a> Drawer<'a> {
    pub(super) fn new(
        kept: &'a BTreeMap<SecretName, KeptToken>,
        secrets: &'a [SecretData],
        previous: Option<&'a Ledger>,
    ) -> Self {
        let before = previous.iter().flat_map(|ledger| ledger.tokens());
        let before: HashMap<_, _> = before
            .filter(|(_, token)| token.state != TokenState::Removed)
            .map(|(_, token)| (name_of(token), token))
            .collect();
        let taken = kept.values().map(|token| token.id);
        let taken = taken.chain(before.values().map(|token| token.id)).collect();
        Self {
            kept,
            secrets,
            before,
            taken,
        }
    }

    /// The id and the key of a token. A token that is in force keeps its key while the one that its user should bring
    /// along is missing or cannot be one; that is among the problems all the same.
    pub(super) fn keys_of<R: CryptoRng + ?Sized>(
        &mut self,
        token: &Token,
        rng: &mut R,
        problems: &mut Vec<Problem>,
    ) -> Option<TokenKey> {
        let before = self.before.get(&token.token_name()).copied();
        let in_force = before
            .and_then(|before| before.keys.last())
            .map(|key| key.hash);
        let kept = self.kept_of(token, before);
        let id = before.map(|before| before.id).or(kept.map(|kept| kept.id));
        let id = id.unwrap_or_else(|| self.draw_id(rng));
        let stays = |hash, files| Some(TokenKey { id, files, hash });
        match bring_along(token, self.secrets) {
            Ok(Some(material)) => return Some(holds(id, material)),
            Ok(None) => {}
            Err(problem) => {
                problems.push(problem);
                return stays(in_force?, Files::SourceLost);
            }
        }
        match (kept.and_then(|kept| kept.key.as_ref()), in_force) {
            (Some(Ok(key)), in_force) if is_credible(key, in_force) => {
                Some(holds(id, KeyMaterial::Key(key.clone())))
            }
            // Not what we wrote. The device still has the right key, so that one stays.
            (Some(_), Some(hash)) => stays(hash, Files::Damaged),
            _ => {
                let key = Key::draw(rng, token.permission());
                Some(holds(id, KeyMaterial::Key(key)))
            }
        }
    }

    /// What is kept under the Secret's name, or, if the Secret was renamed, under the token's id.
    fn kept_of(&self, token: &Token, before: Option<&LedgerToken>) -> Option<&'a KeptToken> {
        let secret = SecretName {
            namespace: token.token_name().namespace,
            name: token.secret_name(),
        };
        let is_its_own = |kept: &&KeptToken| {
            kept.permission == token.permission()
                && before.is_none_or(|before| before.id == kept.id)
        };
        let by_name = self.kept.get(&secret).filter(is_its_own);
        by_name.or_else(|| {
            let id = before?.id;
            self.kept.values().find(|kept| kept.id == id)
        })
    }

    fn draw_id<R: CryptoRng + ?Sized>(&mut self, rng: &mut R) -> TokenId {
        loop {
            let id = TokenId::draw(rng);
            if self.taken.insert(id) {
                return id;
            }
        }
    }
}

/// A key that we drew proves itself by its checksum, even if the ledger does not have it yet: the server may have
/// stopped between the two. Any other must be the one in force.
fn is_credible(key: &Key, in_force: Option<KeyHash>) -> bool {
    looks_like_key(key.expose().as_bytes()) || in_force.is_none_or(|hash| hash == key.hash())
}

fn holds(id: TokenId, material: KeyMaterial) -> TokenKey {
    TokenKey {
        id,
        hash: material.hash(),
        files: Files::Hold(material),
    }
}

fn name_of(token: &LedgerToken) -> TokenName {
    TokenName {
        namespace: token.namespace.clone(),
        name: token.name.clone(),
        permission: token.permission,
    }
}
