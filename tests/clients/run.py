#!/usr/bin/env python3
"""Asks the server with the official client libraries of OpenAI and Anthropic, in Python and in JavaScript.

    python3 tests/clients/run.py [path of arete]      (default: target/debug/arete, or $ARETE)

Each library asks both dialects' vendors: `claude`, and one that speaks OpenAI's dialect, played by `vendor.py`. Needs
python3 with venv, Node.js with npm, and their registries the first time. Without Node.js, the part in JavaScript says
NOT RUN. Speaks to 127.0.0.1 only.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import venv
from pathlib import Path

from vendor import Vendor

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "clients"
KEY = "the-key-of-the-clients-run"
# Bounds the waiting for a program that hangs. No result depends on it.
PATIENCE_SECONDS = 300


def python():
    """A Python with exactly the pinned libraries, made once."""
    folder, pins = WORK / "venv", (HERE / "requirements.txt").read_text()
    stamp = folder / "pins"
    if not stamp.exists() or stamp.read_text() != pins:
        print("Installing the libraries for Python ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", HERE / "requirements.txt"], check=True)
        stamp.write_text(pins)
    return folder / "bin" / "python"


def node():
    """A folder with exactly the pinned packages and the checks, or nothing where there is no Node.js."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    folder, pins = WORK / "node", (HERE / "package-lock.json").read_text()
    stamp = folder / "pins"
    if not stamp.exists() or stamp.read_text() != pins:
        print("Installing the packages for JavaScript ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
        stamp.write_text(pins)
    shutil.copy(HERE / "check.mjs", folder)
    return folder


class Server:
    """The server on a port of its own, with data of its own and the vendor behind it."""

    def __init__(self, binary, vendor):
        self.folder = tempfile.TemporaryDirectory()
        plugins = Path(self.folder.name) / "plugins"
        plugins.mkdir()
        (plugins / "gpt.toml").write_text(
            'component = "bundled:openai"\n'
            f'[config]\nbase-url = "{vendor.url}/v1"\nmodel = "gpt-5.4"\n'
            f'[[outbound]]\norigin = "{vendor.url}"\nheaders = {{ authorization = "Bearer of-the-vendor" }}\n'
        )
        settings = {
            "PORT": "0", "LOG_FORMAT": "json", "LLM_DEFAULT_PROVIDER": "echo", "DATA_DIR": self.folder.name,
            "LLM_PLUGIN_DIR": str(plugins), "LLM_MAX_RETRIES": "1", "LLM_RETRY_DELAY": "1ms", "LLM_START_WAIT": "5m",
            "ANTHROPIC_BASE_URL": vendor.url, "ANTHROPIC_API_KEY": "of-the-vendor", "ARETE_API_KEYS": f"clients:{KEY}",
        }
        self.process = subprocess.Popen([binary], cwd=self.folder.name, env=settings, stderr=subprocess.PIPE, text=True)
        self.lines, self.listening, self.address = [], threading.Event(), None
        threading.Thread(target=self.read, daemon=True).start()
        if not self.listening.wait(PATIENCE_SECONDS) or self.address is None:
            self.process.kill()
            sys.exit("the server didn't start:\n" + "".join(self.lines))

    def read(self):
        for text in self.process.stderr:
            self.lines.append(text)
            if self.address is None and '"Listening"' in text:
                self.address = json.loads(text)["address"]
                self.listening.set()
        self.listening.set()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.folder.cleanup()


def main():
    default = os.environ.get("ARETE", str(ROOT / "target" / "debug" / "arete"))
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else default).resolve()
    if not binary.exists():
        sys.exit(f"{binary} isn't there: build it first")
    interpreter, packages = python(), node()
    vendor = Vendor()
    server = Server(binary, vendor)
    environment = {"PATH": os.environ.get("PATH", ""), "NO_PROXY": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"ARETE_URL": f"http://{server.address}", "ARETE_KEY": KEY}
    failed = []
    try:
        for name, command, folder in (
            ("Python", [interpreter, HERE / "check.py"], HERE),
            ("JavaScript", packages and ["node", packages / "check.mjs"], packages),
        ):
            if not command:
                print(f"NOT RUN: {name}, because there is no Node.js with npm")
                continue
            print(f"\n=== {name} ===", flush=True)
            if subprocess.run(command, cwd=folder, env=environment, timeout=PATIENCE_SECONDS).returncode != 0:
                failed.append(name)
        # Each failure was asked for by two libraries or more: two attempts of the server each, none of the libraries.
        for text, count in vendor.counts.items():
            if text.startswith("fail 5") and count != 2:
                failed.append(f"{text!r} was asked {count} times at the vendor, not 2")
    finally:
        server.stop()
        vendor.stop()
    if failed:
        sys.exit("Failed: " + "; ".join(failed))
    print("\nThe official client libraries work with both doors and both vendors.")


if __name__ == "__main__":
    main()
