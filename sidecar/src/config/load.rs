//! File, environment and `.env` → [`Config`], with everything that is to be said about them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{
    Config, ConfigError, Environment, Flavour, Place,
    build::{self, Surroundings},
    file,
    reader::Reader,
    tls, unix_socket, unknown,
};

/// A configuration and where it comes from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The file; none when the environment is all there is.
    pub file: Option<PathBuf>,
    /// Whose defaults hold.
    pub flavour: Flavour,
    /// What to tell the operator, one sentence each.
    pub warnings: Vec<String>,
    /// The lock file that belongs to it.
    pub lock: PathBuf,
}

/// Reads the configuration. Without a file the environment must have at least one setting of ours.
///
/// # Errors
/// Every [`ConfigError`]; nothing has been opened or bound then.
pub fn load(place: &Place, environment: Environment) -> Result<Loaded, ConfigError> {
    load_with(place, environment, &unix_socket::is_usable)
}

/// [`load`] with a say in which folders can be written.
pub(super) fn load_with(
    place: &Place,
    mut environment: Environment,
    is_usable: &dyn Fn(&Path) -> bool,
) -> Result<Loaded, ConfigError> {
    let found = place.found();
    let is_needed = place.config.is_some() || !place.folder().is_dir() || !environment.has_settings();
    if found.is_none() && is_needed {
        return Err(ConfigError::Missing(place.candidates()));
    }
    add_dotenv(place, found.as_deref(), &mut environment);
    let text = found.as_deref().map(file::read).transpose()?.unwrap_or_default();
    let origin = found.as_ref().map_or_else(|| "environment".into(), |path| path.display().to_string());
    let flavour = found.as_deref().map_or(Flavour::Ours, Flavour::of);
    let around = Surroundings { flavour, working_dir: &place.working_dir, is_usable };
    let (config, warnings) = settle(&text, origin, &environment, &around)?;
    let lock = found.as_deref().map_or_else(|| place.folder().join("rustecho.lock"), lock_beside);
    Ok(Loaded { config, file: found, flavour, warnings, lock })
}

fn settle(
    file: &Map<String, Value>,
    origin: String,
    environment: &Environment,
    around: &Surroundings<'_>,
) -> Result<(Config, Vec<String>), ConfigError> {
    let mut reader = Reader::new(file, origin, environment);
    unknown::check(&mut reader, file);
    let config = build::build(&mut reader, around);
    build::explain_secure_options(&mut reader);
    reader.warnings.extend(environment.unknown());
    if !reader.problems.is_empty() {
        return Err(ConfigError::Invalid(reader.problems));
    }
    match config.tls.as_ref().and_then(tls::missing) {
        Some(missing) => Err(ConfigError::SslPathsMissing { origin: reader.origin, missing }),
        None => Ok((config, reader.warnings)),
    }
}

/// The working directory's `.env`, then the one beside the file. One that cannot be read is as good as none.
fn add_dotenv(place: &Place, found: Option<&Path>, environment: &mut Environment) {
    let beside = found.and_then(Path::parent).map_or_else(|| place.folder(), Path::to_path_buf);
    for folder in [&place.working_dir, &beside] {
        if let Ok(text) = fs::read(folder.join(".env")) {
            environment.add_dotenv(&String::from_utf8_lossy(&text));
        }
    }
}

/// `my.json` → `my.lock`, anything else gets `.lock` after it.
pub fn lock_beside(file: &Path) -> PathBuf {
    match file.extension() {
        Some(extension) if extension == "json" => file.with_extension("lock"),
        _ => {
            let mut name = file.as_os_str().to_owned();
            name.push(".lock");
            name.into()
        }
    }
}
