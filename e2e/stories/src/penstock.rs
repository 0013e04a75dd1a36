//! One installation of Penstock in a namespace of its own: the chart, its pods, applications, tokens.

use crate::cluster::{Cluster, Kind, Namespace, image};
use crate::command::{repository, run};
use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use penstock_e2e::{Token, wait};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// The name of every story's release: they are told apart by their namespaces.
pub(crate) const RELEASE: &str = "penstock";

/// What selects the ingest pods.
pub(crate) const INGEST: &str =
    "app.kubernetes.io/instance=penstock,app.kubernetes.io/component=ingest";

/// What selects the operators.
pub(crate) const OPERATOR: &str =
    "app.kubernetes.io/instance=penstock,app.kubernetes.io/component=operator";

/// The port of the data listeners.
pub(crate) const DATA_PORT: u16 = 4242;

/// From `helm install` to ready pods, on a machine that does other things too.
const ROLLOUT_LIMIT: Duration = Duration::from_mins(3);

/// An installation and all that a story does with it.
pub(crate) struct Penstock<'c> {
    cluster: &'c Cluster,
    namespace: &'c Namespace,
}

impl<'c> Penstock<'c> {
    /// Installs the chart with three ingest pods, serving its own namespace alone, and waits until all pods are ready.
    pub(crate) fn install(cluster: &'c Cluster, namespace: &'c Namespace) -> Result<Penstock<'c>> {
        Penstock::install_with(cluster, namespace, &json!({}))
    }

    /// [`Penstock::install`] with further values, which win.
    pub(crate) fn install_with(
        cluster: &'c Cluster,
        namespace: &'c Namespace,
        values: &Value,
    ) -> Result<Penstock<'c>> {
        let penstock = Penstock { cluster, namespace };
        penstock.upgrade(values)?;
        Ok(penstock)
    }

    /// [`Penstock::install`], and an application `greenhouse` whose tokens `device`, which writes, and `dashboard`, which
    /// reads, are Ready.
    pub(crate) fn install_with_tokens(
        cluster: &'c Cluster,
        namespace: &'c Namespace,
    ) -> Result<Penstock<'c>> {
        let penstock = Penstock::install(cluster, namespace)?;
        penstock.application("greenhouse", &json!({}))?;
        penstock.write_token("device", "greenhouse", &json!({}))?;
        penstock.read_token("dashboard", "greenhouse", &json!({}))?;
        penstock.wait_condition(Kind::WriteToken, "device", "Ready", "True")?;
        penstock.wait_condition(Kind::ReadToken, "dashboard", "Ready", "True")?;
        Ok(penstock)
    }

    /// `helm upgrade --install` with the story's values, and these on top.
    pub(crate) fn upgrade(&self, values: &Value) -> Result<()> {
        let common = self.values()?.to_string();
        let more = values.to_string();
        let folder = tempfile::TempDir::new()?;
        let files = [
            folder.path().join("common.json"),
            folder.path().join("more.json"),
        ];
        std::fs::write(&files[0], common)?;
        std::fs::write(&files[1], more)?;
        let mut helm = self.helm("upgrade");
        helm.args(["--install", RELEASE])
            .arg(chart())
            .arg("--values")
            .arg(&files[0]);
        helm.arg("--values")
            .arg(&files[1])
            .args(["--wait", "--timeout", "3m"]);
        run(&mut helm, "")?;
        Ok(())
    }

    /// What every story sets: the image under test, three pods, small requests, only its own namespace.
    fn values(&self) -> Result<Value> {
        let image = image()?;
        let (repository, tag) = image.rsplit_once(':').context("an image has a tag")?;
        Ok(json!({
            "image": {"repository": repository, "tag": tag},
            "crds": {"enabled": false},
            "watchNamespaces": [self.namespace()],
            "operator": {"resources": {"requests": {"cpu": "10m"}}},
            "ingest": {
                "replicas": 3,
                "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
                "storage": {"size": "1Gi"},
            },
        }))
    }

    /// `helm COMMAND` in this namespace.
    pub(crate) fn helm(&self, command: &str) -> Command {
        let mut helm = Command::new("helm");
        helm.args([command, "--namespace", self.namespace()]);
        helm
    }

    /// `kubectl` in this namespace; what it prints.
    pub(crate) fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut kubectl = Command::new("kubectl");
        kubectl
            .args(["--namespace", self.namespace()])
            .args(arguments);
        run(&mut kubectl, input)
    }

    /// The cluster below.
    pub(crate) fn cluster(&self) -> &'c Cluster {
        self.cluster
    }

    /// The namespace's name.
    pub(crate) fn namespace(&self) -> &str {
        self.namespace.name()
    }

    /// Applies an application; `spec` as in a manifest.
    pub(crate) fn application(&self, name: &str, spec: &Value) -> Result<()> {
        self.create(Kind::Application, name, spec)
    }

    /// Creates a token that writes to `application`; `more` are further fields of its spec.
    pub(crate) fn write_token(&self, name: &str, application: &str, more: &Value) -> Result<()> {
        self.create(Kind::WriteToken, name, &token_spec(application, more))
    }

    /// Creates a token that reads from `application`.
    pub(crate) fn read_token(&self, name: &str, application: &str, more: &Value) -> Result<()> {
        self.create(Kind::ReadToken, name, &token_spec(application, more))
    }

    fn create(&self, kind: Kind, name: &str, spec: &Value) -> Result<()> {
        let object = json!({"metadata": {"name": name}, "spec": spec});
        self.cluster.create(kind, self.namespace(), object)?;
        Ok(())
    }

    /// Changes fields of an object of this namespace.
    pub(crate) fn patch(&self, kind: Kind, name: &str, change: &Value) -> Result<Value> {
        self.cluster.patch(kind, self.namespace(), name, change)
    }

    /// An object of this namespace, which must be there.
    pub(crate) fn get(&self, kind: Kind, name: &str) -> Result<Value> {
        let found = self.cluster.get(kind, self.namespace(), name)?;
        found.with_context(|| format!("no {} {name}", kind.plural()))
    }

    /// Waits until a condition of an object has this status, about its newest generation; gives the object.
    pub(crate) fn wait_condition(
        &self,
        kind: Kind,
        name: &str,
        condition: &str,
        status: &str,
    ) -> Result<Value> {
        let what = format!("{} {name}: {condition}={status}", kind.plural());
        let mut last = Value::Null;
        let found = wait::at_most(ROLLOUT_LIMIT, &what, || {
            last = self.get(kind, name)?;
            Ok(has_condition(&last, condition, status).then(|| last.clone()))
        });
        found.with_context(|| format!("{} {name}: {:#}", kind.plural(), last["status"]))
    }

    /// The credential of a token, as soon as its Secret is there; whether the token is Ready is not asked.
    pub(crate) fn token(&self, name: &str) -> Result<Token> {
        wait::until(&format!("the Secret of {name}"), || self.token_now(name))
    }

    /// The credential that a token's Secret holds now.
    pub(crate) fn token_now(&self, name: &str) -> Result<Option<Token>> {
        let secret = self.cluster.get(Kind::Secret, self.namespace(), name)?;
        let Some(secret) = secret else {
            return Ok(None);
        };
        let (Some(id), Some(key)) = (entry(&secret, "id"), entry(&secret, "key")) else {
            return Ok(None);
        };
        self.cluster.remember_key(&key);
        Ok(Some(Token { id, key }))
    }

    /// Names of the ingest pods that are there and not about to go, in order.
    pub(crate) fn pods(&self) -> Result<Vec<String>> {
        let pods = self.cluster.list(Kind::Pod, self.namespace(), INGEST)?;
        let mut names: Vec<String> = pods
            .iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .filter_map(|pod| Some(pod["metadata"]["name"].as_str()?.to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    /// A metric of an operator's pod, without `penstock_operator_`; nothing if it has no such one. Whole numbers only.
    pub(crate) fn operator_metric(&self, pod: &str, name: &str) -> Result<Option<u64>> {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{pod}:8080/proxy/metrics",
            self.namespace()
        );
        let metrics = self.kubectl(&["get", "--raw", &path], "")?;
        let prefix = format!("penstock_operator_{name} ");
        let found = metrics.lines().find_map(|line| line.strip_prefix(&prefix));
        Ok(found.map(str::parse).transpose()?)
    }

    /// Waits until exactly `count` ingest pods are there and ready.
    pub(crate) fn wait_pods(&self, count: usize) -> Result<()> {
        wait::at_most(ROLLOUT_LIMIT, &format!("{count} ready ingest pods"), || {
            let pods = self.cluster.list(Kind::Pod, self.namespace(), INGEST)?;
            let ready = pods.iter().filter(|pod| is_ready(pod)).count();
            Ok((ready == count && pods.len() == count).then_some(()))
        })
    }

    /// Kills a pod's processes and waits until they, or a pod in its place, are ready again.
    pub(crate) fn kill(&self, pod: &str) -> Result<()> {
        let life = |pod: &Value| {
            let container = &pod["status"]["containerStatuses"][0]["containerID"];
            (pod["metadata"]["uid"].clone(), container.clone())
        };
        let before = life(&self.get(Kind::Pod, pod)?);
        self.cluster.kill(self.namespace(), pod)?;
        wait::at_most(ROLLOUT_LIMIT, &format!("{pod} comes back"), || {
            let now = self.cluster.get(Kind::Pod, self.namespace(), pod)?;
            Ok(now
                .filter(|now| life(now) != before && is_ready(now))
                .map(drop))
        })
    }

    /// The certificate authority that clients trust, PEM: from a token's Secret, as a device has it.
    pub(crate) fn authority(&self) -> Result<String> {
        let secret = self.get(Kind::Secret, &format!("{RELEASE}-tls"))?;
        entry(&secret, "ca.crt").context("the certificate's Secret has ca.crt")
    }

    /// `helm uninstall`; the namespace and what helm keeps stay.
    pub(crate) fn uninstall(&self) -> Result<()> {
        run(self.helm("uninstall").args([RELEASE, "--wait"]), "")?;
        Ok(())
    }
}

fn token_spec(application: &str, more: &Value) -> Value {
    let mut spec = json!({"applicationRef": {"name": application}});
    if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
        spec.extend(more.clone());
    }
    spec
}

/// An entry of a Secret, decoded.
pub(crate) fn entry(secret: &Value, name: &str) -> Option<String> {
    let bytes = BASE64_STANDARD
        .decode(secret["data"][name].as_str()?)
        .ok()?;
    String::from_utf8(bytes).ok()
}

/// Whether a condition about the newest generation has this status.
pub(crate) fn has_condition(object: &Value, condition: &str, status: &str) -> bool {
    let generation = &object["metadata"]["generation"];
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|found| {
        let observed = &found["observedGeneration"];
        found["type"] == condition
            && found["status"] == status
            && (observed.is_null() || observed == generation)
    })
}

/// Whether a pod is ready and stays.
pub(crate) fn is_ready(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_null() && has_condition(pod, "Ready", "True")
}

/// The chart in this repository.
pub(crate) fn chart() -> PathBuf {
    repository().join("charts/penstock")
}
