//! Keeps a courier for each running pod.

use std::collections::HashMap;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::courier::{self, Target};
use super::pod_port::PodPort;
use super::watch::Seen;
use super::{PodFacts, usage};
use crate::publisher::Publisher;

/// Tells the publisher which pods run, and has the newest ledger brought to each.
#[derive(Debug)]
pub struct Dispatch {
    publisher: Publisher,
    port: PodPort,
}

impl Dispatch {
    /// Nothing is delivered before [`Dispatch::run`].
    pub fn new(publisher: Publisher, port: PodPort) -> Self {
        Self { publisher, port }
    }

    /// Follows the watch. Never ends before it does.
    pub async fn run(self, mut seen: watch::Receiver<Seen>) {
        let mut couriers = Couriers::default();
        let asking = usage::ask(self.port.clone(), seen.clone(), self.publisher.clone());
        let following = async {
            loop {
                let Seen { pods, service } = seen.borrow_and_update().clone();
                if let Some(service) = service {
                    self.publisher.set_service(service);
                }
                if let Some(pods) = pods {
                    self.publisher.set_pods(pods.clone());
                    couriers.follow(&pods, &self.port, &self.publisher);
                }
                if seen.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = following => {}
            () = asking => {}
        }
    }
}

/// One task for each pod. Dropped, all of them end.
#[derive(Debug, Default)]
struct Couriers {
    tasks: JoinSet<()>,
    running: HashMap<String, (Target, tokio::task::AbortHandle)>,
}

impl Couriers {
    fn follow(&mut self, pods: &[PodFacts], port: &PodPort, publisher: &Publisher) {
        let targets: HashMap<&str, Target> = pods
            .iter()
            .filter_map(|pod| Some((pod.name.as_str(), target(pod)?)))
            .collect();
        self.running.retain(|name, (target, task)| {
            let stays = targets.get(name.as_str()) == Some(target);
            if !stays {
                task.abort();
            }
            stays
        });
        for (name, target) in targets {
            if !self.running.contains_key(name) {
                let courier = courier::run(
                    target.clone(),
                    port.clone(),
                    publisher.clone(),
                    publisher.newest(),
                );
                let task = self.tasks.spawn(courier);
                self.running.insert(name.to_owned(), (target, task));
            }
        }
        // Those that were stopped.
        while self.tasks.try_join_next().is_some() {}
    }
}

fn target(pod: &PodFacts) -> Option<Target> {
    Some(Target {
        name: pod.name.clone(),
        incarnation: pod.incarnation.clone(),
        address: pod.address?,
    })
}
