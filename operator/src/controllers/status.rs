//! Statuses, written when they differ, and the events that go with a change.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType};
use serde::Serialize;
use serde_json::json;

use super::kinds::Served;
use super::{Context, Failed};

/// Its own field manager: nothing else of a resource is ours.
const STATUS_MANAGER: &str = "penstock-operator/status";

/// The longest note of an event, in bytes, with room to spare below the API server's 1,024.
const NOTE_BYTES_MAX: usize = 1_000;

/// Replaces the status of an object.
pub(crate) async fn write<K: Served>(
    context: &Context,
    object: &K,
    status: &impl Serialize,
) -> Result<(), Failed> {
    let name = object.object_name();
    let api: Api<K> = Api::namespaced(context.client.clone(), &name.namespace);
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"uid": object.meta().uid},
        "status": status,
    });
    let by = PatchParams::apply(STATUS_MANAGER).force();
    match api
        .patch_status(&name.name, &by, &Patch::Apply(patch))
        .await
    {
        Ok(_) => {
            context.metrics.statuses_written.inc();
            Ok(())
        }
        // Gone, or made again: its status is nobody's concern.
        Err(kube::Error::Api(refused)) if matches!(refused.code, 404 | 409) => Ok(()),
        Err(error) => Err(Failed::api("write the status")(error)),
    }
}

/// The events of conditions that have changed in a way that a person would ask about. That all is well from the beginning
/// is no news.
pub(crate) fn events(before: &[Condition], after: &[Condition]) -> Vec<Event> {
    let changed = after.iter().filter_map(|now| {
        let told = before.iter().find(|condition| condition.type_ == now.type_);
        let is_same = |told: &Condition| (&told.status, &told.reason) == (&now.status, &now.reason);
        (!told.is_some_and(is_same)).then_some((told, now))
    });
    changed.filter_map(|(told, now)| event(told, now)).collect()
}

fn event(told: Option<&Condition>, now: &Condition) -> Option<Event> {
    let is_true = now.status == "True";
    let was = told.map_or("", |told| told.reason.as_str());
    let (type_, action) = match (now.type_.as_str(), now.reason.as_str()) {
        ("Accepted", _) if !is_true => (EventType::Warning, "Accept"),
        ("Accepted", _) if told.is_some() => (EventType::Normal, "Accept"),
        ("SecretReady", "SecretConflict" | "SecretFailed") => (EventType::Warning, "WriteSecret"),
        ("Rotating", "KeysFull") => (EventType::Warning, "Rotate"),
        ("Propagated", "WaitingForPods" | "NoPods" | "Refused") => {
            (EventType::Warning, "Propagate")
        }
        ("WithinLimits", _) if now.status == "False" => (EventType::Warning, "Limit"),
        ("WithinLimits", _) if is_true && was == "ActiveSeries" => (EventType::Normal, "Limit"),
        ("Revoked" | "Expired", _) if is_true => (EventType::Normal, "Refuse"),
        ("Ready", "Paused" | "ApplicationPaused") => (EventType::Normal, "Pause"),
        ("Ready", "Works") if matches!(was, "Paused" | "ApplicationPaused" | "Expired") => {
            (EventType::Normal, "Resume")
        }
        _ => return None,
    };
    Some(note(type_, &now.reason, action, &now.message))
}

/// An object is there that this version cannot read.
pub(crate) fn unreadable(why: &str) -> Event {
    let text = format!(
        "this operator cannot read it, and leaves what the pods have of it: it was made for another version, mend it or upgrade ({why})"
    );
    note(EventType::Warning, "Unreadable", "Read", &text)
}

/// An event with a note of bounded length.
pub(crate) fn note(type_: EventType, reason: &str, action: &str, text: &str) -> Event {
    let mut end = text.len().min(NOTE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Event {
        type_,
        reason: reason.to_owned(),
        note: text
            .get(..end)
            .filter(|note| !note.is_empty())
            .map(str::to_owned),
        action: action.to_owned(),
        secondary: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use penstock_api::condition::{Conditions, Verdict};

    fn conditions(verdicts: &[(&str, Verdict)]) -> Vec<Condition> {
        let now = penstock_api::token_status::time(penstock_model::Timestamp::from_millis(0));
        let mut conditions = Conditions::after(&[], None, now);
        for (type_, verdict) in verdicts {
            conditions.set(type_, verdict.clone());
        }
        conditions.into_list()
    }

    #[test]
    fn an_event_tells_what_changed_and_nothing_twice() {
        let fine = conditions(&[
            ("Accepted", Verdict::yes("Accepted", "")),
            ("Propagated", Verdict::yes("AllPods", "")),
        ]);
        let bad = conditions(&[
            (
                "Accepted",
                Verdict::no("WeakKey", "spec.key: a key has at least 32 characters"),
            ),
            ("Propagated", Verdict::no("Telling", "")),
        ]);
        let told: Vec<_> = events(&fine, &bad)
            .into_iter()
            .map(|event| (event.reason, event.note))
            .collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, "WeakKey");
        assert!(events(&bad, &bad).is_empty());
        assert_eq!(events(&bad, &fine)[0].reason, "Accepted");
        assert!(events(&[], &fine).is_empty(), "that is no news");
    }

    #[test]
    fn a_long_note_is_cut_between_characters() {
        let event = note(EventType::Normal, "R", "A", &"é".repeat(700));
        assert_eq!(event.note.unwrap().len(), 1_000);
    }
}
