//! File, environment and `.env` → [`Config`], with everything that is to be said about them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{
    Config, ConfigError, Environment, Flavour, Place, Written,
    build::{self, Surroundings},
    file, lines,
    reader::Reader,
    tls, unix_socket, unknown,
};

/// The lock file that belongs to [`file::SYSTEM_FILE`].
const SYSTEM_LOCK: &str = "/run/rustecho/rustecho.lock";

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
    /// How the settings are written, for [`Renewal`](super::Renewal).
    pub written: Written,
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
    let (config, warnings, written) =
        settle(&text, origin, &environment, &around).map_err(|error| with_lines(error, found.as_deref()))?;
    let lock = found.as_deref().map_or_else(|| place.folder().join("rustecho.lock"), lock_beside);
    Ok(Loaded { config, file: found, flavour, warnings, lock, written })
}

fn settle(
    file: &Map<String, Value>,
    origin: String,
    environment: &Environment,
    around: &Surroundings<'_>,
) -> Result<(Config, Vec<String>, Written), ConfigError> {
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
        None => {
            let written = Written::of(&reader);
            Ok((config, reader.warnings, written))
        }
    }
}

/// Says on which lines of the file the problems are.
fn with_lines(mut error: ConfigError, file: Option<&Path>) -> ConfigError {
    if let (ConfigError::Invalid(problems), Some(file)) = (&mut error, file)
        && let Ok(text) = fs::read(file)
    {
        let of_file = file.display().to_string();
        let plain = file::without_comments(text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text));
        for problem in problems.iter_mut().filter(|problem| problem.origin == of_file) {
            problem.line = lines::line_of(&plain, &problem.key);
        }
    }
    error
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

/// `my.json` → `my.lock`, anything else gets `.lock` after it. Nobody but root writes in /etc: that of the machine's own
/// configuration is in /run.
pub fn lock_beside(file: &Path) -> PathBuf {
    if file == Path::new(file::SYSTEM_FILE) {
        return SYSTEM_LOCK.into();
    }
    match file.extension() {
        Some(extension) if extension == "json" => file.with_extension("lock"),
        _ => {
            let mut name = file.as_os_str().to_owned();
            name.push(".lock");
            name.into()
        }
    }
}

/// A configuration file, a zero, a `.env`, whatever is in them. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let Ok(text) = file::parse(Path::new("fuzzed.json"), parts.next().unwrap_or_default()) else { return };
    let mut environment = Environment::default();
    environment.add_dotenv(&String::from_utf8_lossy(parts.next().unwrap_or_default()));
    for flavour in [Flavour::Ours, Flavour::LaravelEchoServer] {
        let around = Surroundings { flavour, working_dir: Path::new("/"), is_usable: &|_| false };
        if let Err(ConfigError::Invalid(problems)) = settle(&text, "fuzzed.json".to_owned(), &environment, &around) {
            assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
        }
    }
}
