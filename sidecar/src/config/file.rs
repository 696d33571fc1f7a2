//! Which file is read, and its text → JSON.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::problem::ConfigError;

/// Our own file name.
pub const OUR_FILE: &str = "rustecho.json";
/// The file name of laravel-echo-server.
pub const OLD_FILE: &str = "laravel-echo-server.json";
/// The machine's own configuration, as the Debian package installs it.
pub const SYSTEM_FILE: &str = "/etc/rustecho/rustecho.json";
/// The working directory of the service that is installed: a file in it goes before the machine's own.
pub const SERVICE_FOLDER: &str = "/var/lib/rustecho";
/// A configuration larger than this, in bytes, is somebody's mistake.
const LARGEST: u64 = 1024 * 1024;

/// Whose defaults a file has. Who comes from laravel-echo-server may call the file anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Its name starts with `rustecho`, or there is no file: nothing needs Redis.
    Ours,
    /// Redis is on unless the file says otherwise.
    LaravelEchoServer,
}

impl Flavour {
    /// The defaults that hold for a file of this name.
    pub fn of(path: &Path) -> Self {
        match path.file_name() {
            Some(name) if !name.to_string_lossy().starts_with("rustecho") => Self::LaravelEchoServer,
            _ => Self::Ours,
        }
    }
}

/// Where to look for the file, as on the command line.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The working directory.
    pub working_dir: PathBuf,
    /// `--dir`, relative to the working directory.
    pub dir: Option<PathBuf>,
    /// `--config`, relative to `dir`.
    pub config: Option<PathBuf>,
}

impl Place {
    /// The folder that unnamed files are looked for in.
    pub fn folder(&self) -> PathBuf {
        self.dir.as_ref().map_or_else(|| self.working_dir.clone(), |dir| self.working_dir.join(dir))
    }

    /// The files that may be meant, the most likely first; never empty.
    pub fn candidates(&self) -> Vec<PathBuf> {
        match (&self.config, &self.dir) {
            (Some(named), _) => vec![self.folder().join(named)],
            (None, Some(_)) => vec![self.folder().join(OUR_FILE), self.folder().join(OLD_FILE)],
            (None, None) => vec![self.folder().join(OUR_FILE), self.folder().join(OLD_FILE), SYSTEM_FILE.into()],
        }
    }

    /// The first candidate that exists.
    pub fn found(&self) -> Option<PathBuf> {
        self.candidates().into_iter().find(|path| path.exists())
    }
}

/// Reads a configuration file.
///
/// # Errors
/// [`ConfigError::Unreadable`] and [`ConfigError::NotJson`].
pub fn read(path: &Path) -> Result<Map<String, Value>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.into(), source };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST {
        let problem = format!("{size} bytes is more than a configuration has (limit {LARGEST})");
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, problem)));
    }
    parse(path, &fs::read(path).map_err(unreadable)?)
}

pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Map<String, Value>, ConfigError> {
    let not_json = |line, column, expected: String| ConfigError::NotJson { path: path.into(), line, column, expected };
    // Windows editors put a byte order mark in front.
    let text = without_comments(text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text));
    match serde_json::from_slice(&text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(not_json(1, 1, "expected an object: `{ … }`".into())),
        Err(error) => Err(not_json(error.line(), error.column(), expected(&error))),
    }
}

/// Spaces in the place of comments and of a comma before a closing bracket: lines and columns stay as they are.
pub(crate) fn without_comments(text: &[u8]) -> Vec<u8> {
    let mut plain = text.to_vec();
    if json_strip_comments::strip_slice(&mut plain).is_err()
        // A lone `/`, which is the last that was taken out: the parser says where it stands.
        && let Some(at) = (0..text.len()).rev().find(|at| text.get(*at) != plain.get(*at))
    {
        plain.splice(at..=at, [b'/']);
    }
    // Those inside of a comment were taken out with it.
    for (byte, original) in plain.iter_mut().zip(text) {
        if *original == b'\n' {
            *byte = b'\n';
        }
    }
    plain
}

/// The parser's words without the place, which is said already, and with a hint for what people really do wrong.
fn expected(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    match text {
        "key must be a string" => "expected a key in double quotes".into(),
        "trailing comma" => "expected another entry after the comma, or no comma".into(),
        "EOF while parsing a value" => "expected a value; the file ends here".into(),
        "EOF while parsing an object" => "expected `,` or `}`; the file ends here".into(),
        "EOF while parsing a list" => "expected `,` or `]`; the file ends here".into(),
        "EOF while parsing a string" => "expected a closing `\"`; the file ends here".into(),
        "trailing characters" => "expected nothing more after the closing `}`".into(),
        "expected value" => "expected a value (text in double quotes, a number, true, false, null, `[` or `{`)".into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(dir: Option<&str>, config: Option<&str>) -> Vec<String> {
        let place = Place { working_dir: "/w".into(), dir: dir.map(Into::into), config: config.map(Into::into) };
        place.candidates().iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn looks_where_the_old_server_looked() {
        assert_eq!(place(None, None), ["/w/rustecho.json", "/w/laravel-echo-server.json", SYSTEM_FILE]);
        assert_eq!(place(Some("sub"), None), ["/w/sub/rustecho.json", "/w/sub/laravel-echo-server.json"]);
        assert_eq!(place(Some("sub"), Some("my.json")), ["/w/sub/my.json"]);
        assert_eq!(place(Some("/d"), Some("my.json")), ["/d/my.json"]);
        assert_eq!(place(Some("/d"), Some("/abs.json")), ["/abs.json"]);
    }

    #[test]
    fn only_our_own_names_have_our_defaults() {
        assert_eq!(Flavour::of(Path::new("/etc/rustecho.prod.json")), Flavour::Ours);
        assert_eq!(Flavour::of(Path::new("/etc/rustecho/my.json")), Flavour::LaravelEchoServer);
        assert_eq!(Flavour::of(Path::new(OLD_FILE)), Flavour::LaravelEchoServer);
    }

    #[test]
    fn says_where_the_file_is_broken() {
        let cases: [(&[u8], &str); 10] = [
            (b"{ nope", "f.json:1:3: not valid JSON: expected a key in double quotes"),
            (b"{\n\"a\": 1,,\n}", "f.json:2:8: not valid JSON: expected a key in double quotes"),
            (b"// eins\n/* zwei\n */ {\"a\": / 1}", "f.json:3:11: not valid JSON: expected a value (text"),
            (b"{\"a\": 1 \"b\": 2}", "f.json:1:9: not valid JSON: expected `,` or `}`"),
            (b"{\"a\": x}", "f.json:1:7: not valid JSON: expected a value (text"),
            (b"{\"a\": 1", "f.json:1:7: not valid JSON: expected `,` or `}`; the file ends here"),
            (b"", "f.json:1:0: not valid JSON: expected a value; the file ends here"),
            (b"[]", "f.json:1:1: not valid JSON: expected an object"),
            (b"{} {}", "f.json:1:4: not valid JSON: expected nothing more"),
            (b"{\"a\": \"\xff\"}", "f.json:1:8: not valid JSON: invalid unicode"),
        ];
        for (text, want) in cases {
            let got = parse(Path::new("f.json"), text).unwrap_err().to_string();
            assert!(got.starts_with(want), "{got}");
        }
        assert!(parse(Path::new("f.json"), b"\xEF\xBB\xBF{}").is_ok());
        let deep = parse(Path::new("f.json"), "[".repeat(100_000).as_bytes()).unwrap_err().to_string();
        assert!(deep.contains("recursion limit"), "{deep}");
    }

    #[test]
    fn comments_and_a_last_comma_are_no_fault() {
        let text =
            b"// one\n{ # two\n\"a\": \"// no /* comment # at all\", /* three\n */ \"b\": [1, // four\n],\n} // five";
        let map = parse(Path::new("f.json"), text).unwrap();
        assert_eq!(Value::Object(map), serde_json::json!({"a": "// no /* comment # at all", "b": [1]}));
        assert!(parse(Path::new("f.json"), b"{} /* never closed").is_ok());
    }

    #[test]
    fn a_folder_or_a_huge_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap_err().to_string().contains("cannot be read"));
        let huge = dir.path().join("huge.json");
        fs::write(&huge, vec![b' '; LARGEST as usize + 1]).unwrap();
        assert!(read(&huge).unwrap_err().to_string().contains("limit 1048576"));
    }
}
