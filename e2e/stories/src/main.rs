//! Stories on a real Kubernetes: what a user does with kubectl and helm, and what every ingest pod then does.
//!
//! `scripts/e2e` gets a cluster, builds and loads the images and starts this program where the pods can be reached.
//! It is a program and no cargo test, so that `cargo test` needs no cluster. A story is a file in `stories/`, named
//! for what it tells; each gets a namespace of its own, which goes when it ends.
//!
//! ```text
//! penstock-stories              all, one after another
//! penstock-stories revoke ...   these
//! penstock-stories --list
//! ```
#![expect(
    clippy::print_stdout,
    reason = "the report of a run is its standard output"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "objects are JSON here, and an absent field of JSON is null"
)]

mod cluster;
mod command;
mod diagnosis;
mod figures;
mod load;
mod penstock;
mod reach;
mod secrecy;
mod stories;

use anyhow::{Context, Result, bail};
use clap::Parser;
use cluster::{Cluster, Namespace};
use std::process::ExitCode;
use std::time::Instant;
use stories::Story;

/// Tells stories on the cluster of `KUBECONFIG` and `E2E_CONTEXT`.
#[derive(Parser, Debug)]
struct Args {
    /// Only these stories.
    names: Vec<String>,
    /// Say which stories there are.
    #[arg(long)]
    list: bool,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if args.list {
        for story in stories::ALL {
            println!("{}", story.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = choose(&args.names)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if provider.install_default().is_err() {
        bail!("another crypto provider is installed");
    }
    let cluster = Cluster::connect()?;
    Cluster::install_definitions()?;
    let told: Vec<Told> = chosen.iter().map(|story| tell(story, &cluster)).collect();
    // Namespaces take their time to go, while other stories are told.
    let failed = told.into_iter().filter(|told| !told.ends_well(&cluster));
    let failed = failed.count();
    println!("{} passed, {failed} failed", chosen.len() - failed);
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The stories of these names, all if none is named.
fn choose(names: &[String]) -> Result<Vec<&'static Story>> {
    if names.is_empty() {
        return Ok(stories::ALL.iter().collect());
    }
    let find = |name: &String| {
        let story = stories::ALL.iter().find(|story| story.name == name);
        story.with_context(|| format!("no story {name}; --list says which there are"))
    };
    names.iter().map(find).collect()
}

/// A story that was told.
struct Told {
    name: &'static str,
    is_ok: bool,
    /// Where it was told; about to go.
    namespace: Option<Namespace>,
}

impl Told {
    /// Whether it went well and its namespace is gone: one that hangs is a finding.
    fn ends_well(&self, cluster: &Cluster) -> bool {
        let gone = self
            .namespace
            .as_ref()
            .map(|namespace| namespace.wait_until_gone(cluster));
        if let Some(Err(error)) = &gone {
            println!("story {} ... FAILED at its end\n{error:#}", self.name);
        }
        self.is_ok && matches!(gone, Some(Ok(())))
    }
}

/// Tells one story and reports it. What a failed one leaves is printed, then removed like any other.
#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
fn tell(story: &Story, cluster: &Cluster) -> Told {
    println!("story {} ...", story.name);
    let start = Instant::now();
    let (namespace, told) = match Namespace::create(cluster, story.name) {
        Ok(namespace) => {
            let told = tell_in(story, cluster, &namespace).and(namespace.delete(cluster));
            (Some(namespace), told)
        }
        Err(error) => (None, Err(error)),
    };
    let seconds = start.elapsed().as_secs_f64();
    match &told {
        Ok(()) => println!("story {} ... ok, {seconds:.1} s", story.name),
        Err(error) => println!("story {} ... FAILED, {seconds:.1} s\n{error:#}", story.name),
    }
    Told {
        name: story.name,
        is_ok: told.is_ok(),
        namespace,
    }
}

fn tell_in(story: &Story, cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let told = (story.tell)(cluster, namespace);
    let keys = cluster.take_keys();
    let told = told.and_then(|()| secrecy::check(cluster, namespace.name(), &keys));
    if told.is_err() {
        diagnosis::print(cluster, namespace.name());
    }
    told
}
