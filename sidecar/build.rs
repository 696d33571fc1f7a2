//! Embeds the browser clients that `npm ci` in `client/` fetched, if it ran; the crate builds without node as well.

use std::{env, fs, path::Path};

fn main() {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("client/node_modules");
    println!("cargo::rerun-if-changed=client/package-lock.json");
    println!("cargo::rerun-if-changed=client/node_modules/.package-lock.json");
    let mut code = String::from("const CLIENT_FILES: &[ClientFile] = &[\n");
    for version in ["2", "4"] {
        for name in ["socket.io.js", "socket.io.js.map", "socket.io.min.js", "socket.io.slim.js"] {
            let path = root.join(format!("socket.io-client-{version}/dist/{name}"));
            let Ok(content) = fs::read(&path) else { continue };
            // FNV-1a: an ETag only has to change when the file does.
            let hash = content
                .iter()
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
            code.push_str(&format!(
                "ClientFile {{ version: {version:?}, name: {name:?}, etag: \"\\\"{hash:016x}\\\"\", content: include_bytes!({path:?}) }},\n"
            ));
        }
    }
    code.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("client_files.rs");
    if let Err(error) = fs::write(&out, code) {
        println!("cargo::error={}: {error}", out.display());
    }
}
