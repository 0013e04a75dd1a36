//! A pod's port on a loopback address of ours, through the API server: for clusters whose pods cannot be reached.

use anyhow::{Context, Result};
use penstock_e2e::{Process, wait};
use std::net::SocketAddr;
use std::process::Command;
use tempfile::TempDir;

/// A running `kubectl port-forward`; it ends when dropped.
pub(crate) struct Forward {
    _process: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl Forward {
    /// Forwards a free port to `pod`, and waits until it listens.
    pub(crate) fn start(namespace: &str, pod: &str, port: u16) -> Result<Forward> {
        let folder = TempDir::new()?;
        let mut command = Command::new("kubectl");
        command.args([
            "port-forward",
            "--namespace",
            namespace,
            &format!("pod/{pod}"),
            &format!(":{port}"),
        ]);
        let process = Process::start(&mut command, &folder.path().join("log"))?;
        let address = wait::until(&format!("port-forward to {pod} listens"), || {
            Ok(listening(&process.output()))
        })
        .with_context(|| process.output())?;
        Ok(Forward {
            _process: process,
            _folder: folder,
            address,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// `Forwarding from 127.0.0.1:34567 -> 4242`
fn listening(output: &str) -> Option<SocketAddr> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("Forwarding from "))?;
    line.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::listening;

    #[test]
    fn the_chosen_port_is_read_once_it_is_said() {
        assert_eq!(listening(""), None);
        let said = "Forwarding from 127.0.0.1:34567 -> 4242\nForwarding from [::1]:34567 -> 4242\n";
        assert_eq!(listening(said), Some("127.0.0.1:34567".parse().unwrap()));
    }
}
