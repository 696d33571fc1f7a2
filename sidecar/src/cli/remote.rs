//! Asking the sidecar that runs, by its admin listener.

use std::{io, path::Path, process::ExitCode};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::outcome::{FAILED, refuse};
use crate::{
    config::{AdminConfig, Environment, Flavour, Loaded, Place, SERVICE_FOLDER, SYSTEM_FILE, load, lock_beside},
    console,
    lock::{self, Holder},
};

/// How long the sidecar may take to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// A sidecar that can be asked.
pub(super) struct Remote {
    admin: AdminConfig,
    /// What is known from the lock file.
    process: Option<i32>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RemoteError {
    #[error(
        "admin is off in {0}, and without it a running sidecar cannot be asked: write \"admin\": 6002 there, and restart"
    )]
    Off(String),
    #[error(
        "{0} is laravel-echo-server's, where admin is off unless it is named, and without it a running sidecar cannot be asked: \
         write \"admin\": 6002 there, and restart"
    )]
    OffAsOfOld(String),
    #[error("no sidecar answers at {address} (admin.host, admin.port): {error}. {advice}")]
    Away { address: String, error: String, advice: String },
    #[error("the sidecar at {address} refused: {error}")]
    Refused { address: String, error: String },
    #[error("the sidecar's answer broke off: {0}")]
    Broken(String),
}

/// Reads the configuration; what is wrong with it has been said when this fails.
pub(super) fn configuration(place: &Place, json: bool) -> Result<Loaded, ExitCode> {
    let meant = of_artisan(place).unwrap_or_else(|| or_the_services(place));
    load(&meant, Environment::of_process()).map_err(|error| refuse(&error, json))
}

/// The configuration that `php artisan rustecho:start` wrote, in the folder of an application that has none of its own, while the
/// sidecar runs that was started so.
fn of_artisan(place: &Place) -> Option<Place> {
    const GENERATED: &str = "storage/framework/rustecho.json";
    let is_named = place.config.is_some() || place.dir.is_some();
    if is_named || place.found().is_some_and(|found| found.starts_with(place.folder())) {
        return None;
    }
    let file = place.folder().join(GENERATED);
    let runs = matches!(lock::holder(&lock_beside(&file)), Holder::Running(_));
    (runs && file.exists()).then(|| Place { config: Some(GENERATED.into()), ..place.clone() })
}

/// What the service runs with, where the folder has no configuration.
pub(super) fn or_the_services(place: &Place) -> Place {
    of_service(place, Path::new(SERVICE_FOLDER)).unwrap_or_else(|| place.clone())
}

fn of_service(place: &Place, folder: &Path) -> Option<Place> {
    let is_named = place.config.is_some() || place.dir.is_some();
    if is_named || place.found().is_some_and(|found| found != Path::new(SYSTEM_FILE)) {
        return None;
    }
    let service = Place { dir: Some(folder.into()), ..place.clone() };
    service.found().is_some().then_some(service)
}

/// Ends a command that got no answer; a program that reads JSON is told as well.
pub(super) fn fail(error: &RemoteError, json: bool) -> ExitCode {
    if json {
        console::say(&serde_json::json!({"error": error.to_string()}).to_string());
    }
    console::tell(&format!("Error: {error}"));
    FAILED.into()
}

/// Runs what has to wait for the network.
pub(super) fn wait<T>(work: impl Future<Output = Result<T, RemoteError>>) -> Result<T, RemoteError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| RemoteError::Broken(error.to_string()))?.block_on(work)
}

impl Remote {
    /// The sidecar of this configuration.
    pub(super) fn of(loaded: &Loaded) -> Result<Self, RemoteError> {
        let from = loaded.file.as_ref().map_or_else(|| "the environment".into(), |file| file.display().to_string());
        let off = match loaded.flavour {
            Flavour::Ours => RemoteError::Off(from),
            Flavour::LaravelEchoServer => RemoteError::OffAsOfOld(from),
        };
        let admin = loaded.config.admin.clone().ok_or(off)?;
        let process = match lock::holder(&loaded.lock) {
            Holder::Running(pid) => Some(pid.as_raw_nonzero().get()),
            Holder::Absent | Holder::Stale(_) | Holder::Unreadable => None,
        };
        Ok(Self { admin, process })
    }

    pub(super) fn address(&self) -> String {
        self.admin.address()
    }

    /// Whether the configuration has a key, without which nothing can be published this way.
    pub(super) fn has_key(&self) -> bool {
        self.admin.key.is_some()
    }

    /// Asks and reads the JSON of the answer.
    pub(super) async fn get(&self, path: &str) -> Result<Value, RemoteError> {
        self.json(Method::GET, path, String::new()).await
    }

    /// Asks with a body and reads the JSON of the answer.
    pub(super) async fn json(&self, method: Method, path: &str, body: String) -> Result<Value, RemoteError> {
        let asking = async {
            let body = self.ask(method, path, body).await?;
            let body = body.collect().await.map_err(|error| RemoteError::Broken(error.to_string()))?.to_bytes();
            serde_json::from_slice(&body).map_err(|error| RemoteError::Broken(error.to_string()))
        };
        tokio::time::timeout(PATIENCE, asking)
            .await
            .unwrap_or_else(|_| Err(self.away(&io::Error::from(io::ErrorKind::TimedOut))))
    }

    /// Hears server-sent events, each with its name and data, until `hear` wants no more or they end. Calls `connected` when the
    /// sidecar has agreed to tell them.
    pub(super) async fn hear(
        &self,
        path: &str,
        connected: impl FnOnce(),
        mut hear: impl FnMut(&str, &str) -> bool,
    ) -> Result<(), RemoteError> {
        let mut body = self.ask(Method::GET, path, String::new()).await?;
        connected();
        let (mut text, mut kind): (Vec<u8>, String) = Default::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| RemoteError::Broken(error.to_string()))?;
            text.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end();
                if let Some(name) = line.strip_prefix("event: ") {
                    name.clone_into(&mut kind);
                } else if let Some(data) = line.strip_prefix("data: ")
                    && !hear(&kind, data)
                {
                    return Ok(());
                }
            }
        }
        Err(RemoteError::Broken("it has stopped".into()))
    }

    async fn ask(&self, method: Method, path: &str, body: String) -> Result<Incoming, RemoteError> {
        let stream =
            TcpStream::connect((self.admin.host.as_str(), self.admin.port)).await.map_err(|error| self.away(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| RemoteError::Broken(error.to_string()))?;
        tokio::spawn(connection);
        // A loopback host is asked for by its address, a name only where there is a key.
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address().trim_start_matches("http://"))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = &self.admin.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let request =
            request.body(Full::new(Bytes::from(body))).map_err(|error| RemoteError::Broken(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(|error| RemoteError::Broken(error.to_string()))?;
        if answer.status() == StatusCode::OK {
            return Ok(answer.into_body());
        }
        let status = answer.status();
        let body = answer.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let error =
            body["error"].as_str().map_or_else(|| format!("status {status}: is this a rustecho?"), ToOwned::to_owned);
        Err(RemoteError::Refused { address: self.address(), error })
    }

    fn away(&self, error: &io::Error) -> RemoteError {
        let advice = match self.process {
            Some(pid) => format!(
                "Process {pid} runs with this configuration: was it started before `admin` was set, or was the port taken?"
            ),
            None => "Nothing runs with this configuration: `rustecho start`".to_owned(),
        };
        RemoteError::Away { address: self.address(), error: error.to_string(), advice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn from_a_folder_without_a_file_the_services_is_meant() {
        let (here, service) = (TempDir::new("here"), TempDir::new("service"));
        let place = Place { working_dir: here.path().into(), ..Place::default() };
        assert!(of_service(&place, service.path()).is_none(), "there the machine's own goes");
        std::fs::write(service.path().join("laravel-echo-server.json"), "{}").unwrap();
        let meant = of_service(&place, service.path()).unwrap();
        assert_eq!(meant.found(), Some(service.path().join("laravel-echo-server.json")));
        let named = Place { config: Some("a.json".into()), ..place.clone() };
        assert!(of_service(&named, service.path()).is_none());
        std::fs::write(here.path().join("rustecho.json"), "{}").unwrap();
        assert!(of_service(&place, service.path()).is_none());
    }
}
