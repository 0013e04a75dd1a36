//! The whole server in this process, with real sockets, real TLS and a real disk.

mod admin;
mod client;
mod disk;
mod heads;
mod http2;
mod lifecycle;
mod listeners;
mod routes;
mod sessions;

use std::sync::Arc;

use penstock_model::SystemClock;
use penstock_store::config::StoreConfig;
use penstock_store::disk::SimDisk;
use penstock_tenancy::Ledger;
use rcgen::{CertifiedIssuer, KeyPair};

use super::*;
use crate::config::TlsListen;
use crate::ledger_fixture::ledger;

/// A server, its disk, and the authority that signed its certificate.
struct Story {
    directory: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
    server: Option<Server>,
}

impl Story {
    /// Nothing runs yet; a certificate lies ready.
    fn prepare() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let story = Self {
            directory: tempfile::tempdir().unwrap(),
            authority: CertifiedIssuer::self_signed(params, key).unwrap(),
            server: None,
        };
        story.change_certificate();
        story
    }

    /// Running, with a ledger, listening.
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut story = Self::prepare();
        let mut config = story.config();
        change(&mut config);
        story.run(config);
        story.load(&ledger(1));
        assert!(story.server().wait_until_listening());
        story
    }

    fn config(&self) -> Config {
        let mut config = Config::for_directory(self.path("data"));
        config.listen.tls = Some(TlsListen {
            address: ([127, 0, 0, 1], 0).into(),
            certificate_file: self.path("tls.crt"),
            key_file: self.path("tls.key"),
        });
        config.loops = std::num::NonZeroUsize::new(2).unwrap();
        config.memory = crate::config::MemoryBudget::from_mebibytes(64);
        config
    }

    fn run(&mut self, config: Config) {
        let clock = Arc::new(SystemClock::new());
        self.server = Some(Server::start(config, clock).unwrap());
    }

    /// The same on a disk that the story can break.
    fn start_on(disk: &SimDisk) -> Self {
        let mut story = Self::prepare();
        let (config, clock) = (story.config(), Arc::new(SystemClock::new()));
        let small = StoreConfig {
            wal_segment_bytes: 1 << 20,
            group_bytes_max: 64 << 10,
            ..StoreConfig::default()
        };
        let disk = Arc::new(disk.clone());
        story.server = Some(parts::start(&config, clock, || Ok((disk, small))).unwrap());
        story.load(&ledger(1));
        assert!(story.server().wait_until_listening());
        story
    }

    fn load(&self, ledger: &Ledger) {
        self.server().load_ledger(ledger).unwrap();
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn tls(&self) -> SocketAddr {
        self.server().addresses().tls.unwrap()
    }

    fn plain(&self) -> SocketAddr {
        self.server().addresses().plain.unwrap()
    }

    fn admin(&self) -> SocketAddr {
        self.server().addresses().admin
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a new certificate of the authority into the files.
    fn change_certificate(&self) {
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        std::fs::write(self.path("tls.crt"), certificate.pem()).unwrap();
        std::fs::write(self.path("tls.key"), key.serialize_pem()).unwrap();
    }

    fn stop(&mut self) -> Result<(), ServerError> {
        let server = self.server.take().unwrap();
        server.stop();
        server.wait()
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
            server.wait().unwrap();
        }
    }
}
