//! The cluster that stories run on: the one border between them and whatever Kubernetes there is.
//!
//! A given cluster, kind and the local one-node cluster differ in how they are made, how images get in and how a pod's
//! address is reached. The first two are done before this program starts (`scripts/e2e`); the third is here. All
//! else is Kubernetes.
//!
//! ```text
//! KUBECONFIG, E2E_CONTEXT --guard--> Cluster --namespace()--> Namespace     a story's own, deleted with it
//!                                       '--reach(pod)--> address            direct, or through the API server
//! ```

mod forward;
mod kind;
mod namespace;
mod objects;

pub(crate) use forward::Forward;
pub(crate) use kind::Kind;
pub(crate) use namespace::Namespace;

use crate::command::{repository, run};
use anyhow::{Context, Result, ensure};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use penstock_e2e::wait;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::{env, mem};
use tokio::runtime::Runtime;

/// A connection to the cluster, without async for stories. Cheap calls; any thread.
pub(crate) struct Cluster {
    runtime: Runtime,
    client: Client,
    /// Whether this process can connect to the addresses of pods and Services.
    is_direct: bool,
    /// Every key that this story has seen.
    keys: Mutex<BTreeSet<String>>,
}

impl Cluster {
    /// Connects to the current context of `KUBECONFIG`, which must be the one that `E2E_CONTEXT` names: stories
    /// install, break and delete things, so nobody's own cluster may be meant by accident.
    ///
    /// `E2E_REACH=direct` says that pods' addresses can be reached from here.
    pub(crate) fn connect() -> Result<Cluster> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let guard = env::var("E2E_CONTEXT").context("E2E_CONTEXT must name the context to use")?;
        let kubeconfig = Kubeconfig::from_env()?.context("KUBECONFIG is not set")?;
        let current = kubeconfig.current_context.clone().unwrap_or_default();
        ensure!(
            current == guard,
            "the current context is {current:?} and E2E_CONTEXT says {guard:?}: nothing was touched"
        );
        let options = KubeConfigOptions::default();
        let config = runtime.block_on(Config::from_custom_kubeconfig(kubeconfig, &options))?;
        let client = {
            let _inside = runtime.enter();
            Client::try_from(config)?
        };
        Ok(Cluster {
            runtime,
            client,
            is_direct: env::var("E2E_REACH").is_ok_and(|reach| reach == "direct"),
            keys: Mutex::default(),
        })
    }

    /// Remembers a key: at the story's end it may stand in its own Secret and nowhere else.
    pub(crate) fn remember_key(&self, key: &str) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.to_owned());
    }

    /// The keys that were remembered since this was asked last.
    pub(crate) fn take_keys(&self) -> BTreeSet<String> {
        mem::take(&mut *self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stops the API server, starts it again, and waits until it answers, with the command `E2E_RESTART_API`; says
    /// whether there is one. A cluster that somebody gave has none.
    pub(crate) fn restart_api_server(&self) -> Result<bool> {
        let Ok(command) = env::var("E2E_RESTART_API") else {
            return Ok(false);
        };
        run(Command::new("bash").args(["-c", &command]), "")?;
        wait::until("the API server answers", || {
            Ok(self.get(Kind::Namespace, "", "default").ok().map(|_| true))
        })
    }

    /// SIGKILL for a pod's processes: no grace, no last words. They start again in the same pod.
    ///
    /// Without the command `E2E_KILL` the pod is deleted, which tells them first and lets them have a second or two.
    pub(crate) fn kill(&self, namespace: &str, pod: &str) -> Result<()> {
        let Ok(command) = env::var("E2E_KILL") else {
            return self.delete_at_once(namespace, pod);
        };
        let mut kill = Command::new("bash");
        kill.args(["-c", &format!("{command} {namespace} {pod}")]);
        run(&mut kill, "")?;
        Ok(())
    }

    /// Applies the definitions of our kinds. They belong to the whole cluster, so no story's release owns them.
    pub(crate) fn install_definitions() -> Result<()> {
        let mut kubectl = Command::new("kubectl");
        kubectl
            .args(["apply", "--server-side", "--force-conflicts", "-f"])
            .arg(repository().join("crds"));
        run(&mut kubectl, "")?;
        Ok(())
    }

    /// Whether pods and Services can be reached by their addresses.
    pub(crate) fn is_direct(&self) -> bool {
        self.is_direct
    }

    /// Runs one call to its end.
    fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }
}

/// The image of the programs under test.
pub(crate) fn image() -> Result<String> {
    env::var("PENSTOCK_IMAGE").context("PENSTOCK_IMAGE must name the image under test")
}

/// The image of the client that pushes from a pod.
pub(crate) fn client_image() -> Result<String> {
    env::var("PENSTOCK_CLIENT_IMAGE").context("PENSTOCK_CLIENT_IMAGE must name the client's image")
}
