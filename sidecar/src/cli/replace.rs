//! Configuration files are written whole or not at all.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, fchown},
    path::Path,
};

/// Another file beside it and a rename: a full disk must not cost the configuration. Mode and owner are those of the file before.
///
/// # Errors
/// What the system says; the file is as it was.
pub(super) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    let draft = folder.join(format!(".rustecho-{}.tmp", std::process::id()));
    let write = || {
        let mut out = fs::OpenOptions::new().write(true).create_new(true).open(&draft)?;
        if let Ok(before) = fs::metadata(path) {
            out.set_permissions(before.permissions())?;
            // Only root can give it away; anyone else is the owner already or gets a file that is theirs.
            let _ = fchown(&out, Some(before.uid()), Some(before.gid()));
        }
        out.write_all(text)?;
        out.sync_all()?;
        fs::rename(&draft, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })
}
