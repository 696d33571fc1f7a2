#!/usr/bin/env python3
"""deny.py: holds every crate that any part of the project is made of to deny.toml: licences, sources, banned crates.

With cargo-deny installed it asks cargo-deny. Without, it reads what `cargo metadata` says of each crate and checks the same three
things itself: cargo-deny takes minutes to build, and needs nothing of this project. Neither looks for advisories, whose database
is fetched from the network: run `cargo deny check advisories` where that may be.
"""
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFESTS = ["Cargo.toml", "bench/Cargo.toml", "sidecar/fuzz/Cargo.toml", "wire/fuzz/Cargo.toml"]


def allowed(expression: str, allow: set[str]) -> bool:
    """Whether an SPDX expression can be met by allowed licences alone. A slash is how "OR" used to be written."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either() -> bool:
        met = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            met = both() or met
        return met

    def both() -> bool:
        met = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        token = tokens.pop(0)
        if token == "(":
            met = either()
            if not tokens or tokens.pop(0) != ")":
                raise ValueError(f"`{expression}` is no licence expression")
            return met
        if tokens and tokens[0] == "WITH":
            token = f"{token} WITH {tokens[1]}"
            del tokens[:2]
        return token in allow

    met = either()
    if tokens:
        raise ValueError(f"`{expression}` is no licence expression")
    return met


def problems(packages: list[dict], rules: dict) -> list[str]:
    """What is wrong with these crates, a line each."""
    allow = set(rules["licenses"]["allow"])
    banned = {ban["crate"]: ban["reason"] for ban in rules["bans"]["deny"]}
    found = []
    for package in packages:
        name, source = f"{package['name']} {package['version']}", package["source"]
        if source is None:
            if Path(package["manifest_path"]).is_relative_to(ROOT):
                continue
            found.append(f"{name} comes from a folder outside of the project: {package['manifest_path']}")
        elif not (source.startswith("registry+") and source.endswith("/crates.io-index")):
            found.append(f"{name} comes from {source}, which [sources] of deny.toml does not allow")
        licence = package["license"]
        try:
            if licence is None or not allowed(licence, allow):
                found.append(f"{name} is under {licence or 'a licence of its own'}, which [licenses] of deny.toml does not allow")
        except (ValueError, IndexError):
            found.append(f"{name} is under `{licence}`, which is no licence expression")
        if package["name"] in banned:
            found.append(f"{name} is banned by deny.toml: {banned[package['name']]}")
    return found


def metadata(manifest: str) -> list[dict]:
    """Every crate of a workspace, whatever the platform and the features."""
    command = ["cargo", "metadata", "--format-version=1", "--all-features", f"--manifest-path={ROOT / manifest}"]
    # The fuzzers pin nothing; a lock file that lies there is of an earlier build.
    if "fuzz" not in manifest:
        command.append("--locked")
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]


def self_test() -> None:
    """Without it a check that lets everything through would look well."""
    allow = {"MIT", "Apache-2.0 WITH LLVM-exception", "Zlib"}
    for expression, want in [
        ("MIT", True), ("GPL-3.0-only", False), ("MIT OR GPL-3.0-only", True), ("MIT AND GPL-3.0-only", False),
        ("GPL-2.0/MIT", True), ("(GPL-2.0 OR MIT) AND Zlib", True), ("(GPL-2.0 OR MPL-2.0) AND Zlib", False),
        ("Apache-2.0", False), ("Apache-2.0 WITH LLVM-exception AND MIT", True), ("MIT AND (Zlib AND BSD-4-Clause)", False),
    ]:
        assert allowed(expression, allow) is want, expression
    rules = {"licenses": {"allow": ["MIT"]}, "bans": {"deny": [{"crate": "bad", "reason": "why"}]}}
    crate = {"name": "a", "version": "1.0.0", "license": "MIT", "manifest_path": "/elsewhere/Cargo.toml", "source": "registry+x/crates.io-index"}
    for change, word in [
        ({}, None), ({"license": None}, "licence of its own"), ({"license": "MIT MIT"}, "no licence expression"),
        ({"source": "git+https://host/repo"}, "[sources]"), ({"source": "registry+https://other/index"}, "[sources]"),
        ({"source": None}, "outside"), ({"name": "bad"}, "banned"),
    ]:
        found = problems([crate | change], rules)
        assert (len(found) == 1 and word in found[0]) if word else found == [], (change, found)


def main() -> int:
    """0 when everything is allowed."""
    self_test()
    if shutil.which("cargo-deny"):
        checks = [["cargo", "deny", f"--manifest-path={ROOT / manifest}", "check", "licenses", "sources", "bans"] for manifest in MANIFESTS]
        return max(subprocess.run(check).returncode for check in checks)
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    found, crates = set(), set()
    for manifest in MANIFESTS:
        packages = metadata(manifest)
        crates |= {package["id"] for package in packages}
        found |= {f"{manifest}: {problem}" for problem in problems(packages, rules)}
    for problem in sorted(found):
        print(f"deny: {problem}", file=sys.stderr)
    print(f"deny: {len(crates)} crates, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
