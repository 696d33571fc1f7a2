//! Embeds the browser clients that `npm ci` in `client/` fetched, and the console that `npm run build` in `../console` made, if
//! they ran; the crate builds without node as well.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn main() {
    embed_clients();
    embed_console();
}

fn embed_clients() {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("client/node_modules");
    println!("cargo::rerun-if-changed=client/package-lock.json");
    println!("cargo::rerun-if-changed=client/node_modules/.package-lock.json");
    let mut code = String::from("const CLIENT_FILES: &[ClientFile] = &[\n");
    for version in ["2", "4"] {
        let package =
            fs::read_to_string(root.join(format!("socket.io-client-{version}/package.json"))).unwrap_or_default();
        let release =
            package.split("\"version\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or(version);
        for name in ["socket.io.js", "socket.io.js.map", "socket.io.min.js", "socket.io.slim.js"] {
            let path = root.join(format!("socket.io-client-{version}/dist/{name}"));
            if !path.is_file() {
                continue;
            }
            // The release, as Socket.IO's own server has it: browsers that know the file from there need not load it again.
            code.push_str(&format!(
                "ClientFile {{ version: {version:?}, name: {name:?}, etag: \"\\\"{release}\\\"\", content: include_bytes!({path:?}) }},\n"
            ));
        }
    }
    code.push_str("];\n");
    write("client_files.rs", &code);
}

fn embed_console() {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../console/dist");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root.join("app"), &mut files);
    files.sort();
    let mut code = String::from("const CONSOLE_FILES: &[PageFile] = &[\n");
    for file in files {
        let Ok(path) = file.strip_prefix(root.join("app")) else { continue };
        let kind = match file.extension().and_then(|extension| extension.to_str()) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "application/octet-stream",
        };
        code.push_str(&format!(
            "PageFile {{ path: {:?}, kind: {kind:?}, content: include_bytes!({file:?}) }},\n",
            format!("/{}", path.display()),
        ));
    }
    code.push_str("];\n");
    write("console_files.rs", &code);
}

/// Every file below a folder; none when there is no such folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn write(name: &str, code: &str) {
    let out = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join(name);
    if let Err(error) = fs::write(&out, code) {
        println!("cargo::error={}: {error}", out.display());
    }
}
