//! SIGHUP: the configuration is read anew, and what can change while the sidecar runs comes into force; all of it, or nothing
//! when something is wrong with it.

use std::sync::Arc;

use crate::{
    config::{Config, ConfigError, Live, Loaded, Renewal, Written},
    service,
    signals::Hangup,
    tls::{Certificate, TlsError},
};

/// What of a running sidecar can be changed.
pub struct Reloader {
    live: Live,
    certificate: Option<Arc<Certificate>>,
}

/// What is done at a SIGHUP.
pub struct Hangups<R, L> {
    reloader: Reloader,
    written: Written,
    read: R,
    log: L,
}

/// Why everything stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificate cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Reloader {
    /// For the configuration in force, and the certificate that is served.
    pub fn new(live: Live, certificate: Option<Arc<Certificate>>) -> Self {
        Self { live, certificate }
    }

    /// Brings into force what can be; the certificate is read in any case. `written` is how what is in force was written.
    ///
    /// # Errors
    /// [`TlsError`]; nothing has changed then.
    pub fn apply(&self, read: &Loaded, written: &mut Written) -> Result<Renewal, TlsError> {
        let renewal = Renewal::new((&self.live.now(), written), (&read.config, &read.written));
        if let (Some(certificate), Some(settings)) = (&self.certificate, &renewal.config.tls) {
            certificate.reload(settings)?;
        }
        self.live.change(renewal.config.clone());
        written.take(&read.written, &renewal.applied);
        Ok(renewal)
    }
}

impl<R: FnMut() -> Result<Loaded, ConfigError>, L: FnMut(&Config)> Hangups<R, L> {
    /// `read` reads the configuration; `log` makes the log one of a new configuration.
    pub fn new(reloader: Reloader, written: Written, read: R, log: L) -> Self {
        Self { reloader, written, read, log }
    }

    /// Does what a SIGHUP asks for, and says what became of it.
    pub fn hangup(&mut self) -> Hangup {
        service::reloads();
        match self.reload() {
            Ok(Renewal { applied, waiting, .. }) => {
                let (applied, needs_restart) = (applied.join(", "), waiting.join(", "));
                if waiting.is_empty() {
                    tracing::info!(applied, "SIGHUP: the configuration was read anew and is in force");
                } else {
                    tracing::warn!(
                        applied,
                        needs_restart,
                        "SIGHUP: the configuration was read anew; some of it needs a restart"
                    );
                }
            }
            Err(error) => {
                let error = error.to_string();
                tracing::error!(error, "SIGHUP: the configuration cannot be used; everything stays as it was");
            }
        }
        service::reloaded();
        Hangup::Reloaded
    }

    fn reload(&mut self) -> Result<Renewal, ReloadError> {
        let read = (self.read)()?;
        let renewal = self.reloader.apply(&read, &mut self.written)?;
        (self.log)(&renewal.config);
        for warning in &read.warnings {
            tracing::warn!("{warning}");
        }
        Ok(renewal)
    }
}
