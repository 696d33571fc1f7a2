//! The whole way from file and environment to [`Config`], with temporary folders and no environment of the process.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{load::load_with, *};

mod settings;
mod sources;
mod table;
mod wrong;

/// A folder with a configuration file.
struct Setup {
    dir: tempfile::TempDir,
    environment: Vec<(String, String)>,
    name: &'static str,
}

impl Setup {
    fn new(name: &'static str, file: &Value) -> Self {
        let setup = Self { dir: tempfile::tempdir().unwrap(), environment: Vec::new(), name };
        setup.write(name, &file.to_string());
        setup
    }

    fn ours(file: &Value) -> Self {
        Self::new(OUR_FILE, file)
    }

    fn old(file: &Value) -> Self {
        Self::new(OLD_FILE, file)
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn place(&self) -> Place {
        Place { working_dir: self.dir.path().into(), dir: None, config: None }
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        load_with(&self.place(), self.environment.iter().cloned().collect(), &|_: &Path| true)
    }

    /// The settings; there must be nothing to say about them.
    fn config(&self) -> Config {
        let loaded = self.load().unwrap();
        assert!(loaded.warnings.is_empty(), "{}: {:?}", self.name, loaded.warnings);
        loaded.config
    }

    fn warnings(&self) -> Vec<String> {
        let folder = format!("{}/", self.dir.path().display());
        self.load().unwrap().warnings.iter().map(|warning| warning.replace(&folder, "")).collect()
    }

    /// What is wrong, without the name of the temporary folder.
    fn error(&self) -> String {
        let folder = format!("{}/", self.dir.path().display());
        self.load().unwrap_err().to_string().replace(&folder, "")
    }
}

/// An object with one value at a place such as `databaseConfig.redis.host`.
fn nested(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |value, name| json!({ name: value }))
}

/// The settings of a file of ours with one value in it.
fn ours_with(path: &str, value: Value) -> Config {
    Setup::ours(&nested(path, value)).config()
}
