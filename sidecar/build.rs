//! Embeds the browser clients that `npm ci` in `client/` fetched, if it ran; the crate builds without node as well.

use std::{env, fs, path::Path};

fn main() {
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
    let out = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("client_files.rs");
    if let Err(error) = fs::write(&out, code) {
        println!("cargo::error={}: {error}", out.display());
    }
}
