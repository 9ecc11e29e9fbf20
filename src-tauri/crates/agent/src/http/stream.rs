//! TLS over a connection that somebody else made, for whoever speaks HTTP by its own hand: verified as every
//! request of ours, HTTP/1.1 alone. One set-up a CA file, so that a server's sessions are resumed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use dagpass_core::error::Why;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use super::tls;

#[derive(Default)]
pub(crate) struct Secured {
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    ca_file: Option<PathBuf>,
    /// A corrected file is read without a restart.
    changed: Option<SystemTime>,
    config: Arc<ClientConfig>,
}

impl Secured {
    pub(crate) async fn over<S>(
        &self,
        stream: S,
        (url, ca_file): (&Url, Option<&Path>),
    ) -> Result<TlsStream<S>, Why>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.config(ca_file)?;
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host)
            .map_err(|error| Why::from(format!("TLS knows no such name: {error}")))?;
        let connected = TlsConnector::from(config).connect(name, stream).await;
        connected.map_err(|error| {
            tls::why(&error, url, ca_file).unwrap_or_else(|| Why::from(error.to_string()))
        })
    }

    fn config(&self, ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Why> {
        let modified = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
        let changed = ca_file.and_then(modified);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |one: &&Kept| one.ca_file.as_deref() == ca_file;
        if let Some(one) = kept.iter().find(fits).filter(|one| one.changed == changed) {
            return Ok(one.config.clone());
        }
        let mut config = tls::config(ca_file)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        kept.retain(|one| !fits(&one));
        let ca_file = ca_file.map(Path::to_owned);
        kept.push(Kept { ca_file, changed, config: config.clone() });
        Ok(config)
    }
}
