#!/usr/bin/env python3
"""Holds the API's description against the server: is the document valid, and does it tell of every answer?

    python3 tests/openapi/run.py [path of arete]      (default: target/debug/arete, or $ARETE)

Starts the server twice, open and with a key. openapi-spec-validator judges the document; schemathesis sends what the
document allows and what it doesn't, and finds every answer that the document doesn't tell of, every server error, and
every wrong request that is taken for a right one. Needs python3 with venv, and pip's registry the first time; speaks to
127.0.0.1 only.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "openapi"
KEY = "the-key-of-the-openapi-run"
EXAMPLES = "60"
SEED = "20260101"
# Bounds the waiting for a server that hangs. No result depends on it.
PATIENCE_SECONDS = 60


def tools():
    """The folder of the tools' programs: a venv of exactly the pinned versions, made once."""
    folder, pins = WORK / "venv", (HERE / "requirements.txt").read_text()
    stamp = folder / "pins"
    if not stamp.exists() or stamp.read_text() != pins:
        print("Installing the tools ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", HERE / "requirements.txt"], check=True)
        stamp.write_text(pins)
    return folder / "bin"


class Server:
    """The server on a port of its own, with data of its own."""

    def __init__(self, binary, keys):
        self.folder = tempfile.TemporaryDirectory()
        settings = {"PORT": "0", "LOG_FORMAT": "json", "LLM_DEFAULT_PROVIDER": "echo", "DATA_DIR": self.folder.name}
        if keys:
            settings["ARETE_API_KEYS"] = f"openapi:{KEY}"
        self.process = subprocess.Popen([binary], cwd=self.folder.name, env=settings, stderr=subprocess.PIPE, text=True)
        self.lines, self.listening = [], threading.Event()
        self.address = None
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
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

    def url(self, path):
        return f"http://{self.address}{path}"

    def stop(self):
        """Stops it, and says what it shouldn't have done."""
        early = self.process.poll() is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "none: it had to be killed"
        self.reader.join(PATIENCE_SECONDS)
        self.folder.cleanup()
        faults = [line for line in self.lines if '"level":"ERROR"' in line or "panicked" in line]
        if early or status != 0:
            faults.append(f"it ended {'before it was asked to, ' if early else ''}with status {status}\n")
        return faults


def check(binary, programs, keys):
    """One server, all checks. Says what failed."""
    print(f"\n=== The server {'with' if keys else 'without'} keys ===", flush=True)
    work = WORK / ("keys" if keys else "open")
    # The tool tries first what failed before: here each run is the first.
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    server = Server(binary, keys)
    failed = []
    try:
        with urllib.request.urlopen(server.url("/api/openapi.json"), timeout=PATIENCE_SECONDS) as answer:
            (work / "openapi.json").write_bytes(answer.read())
        valid = subprocess.run([programs / "openapi-spec-validator", "--schema", "3.1", work / "openapi.json"])
        if valid.returncode != 0:
            failed.append("the document isn't valid OpenAPI 3.1")

        # The tool's own files end up where it runs.
        command = [programs / "schemathesis", "--config-file", HERE / "schemathesis.toml", "run"]
        command += [server.url("/api/openapi.json"), "--max-examples", EXAMPLES, "--seed", SEED]
        command += ["--continue-on-failure"]
        command += ["--request-timeout", str(PATIENCE_SECONDS), "--generation-database", "none"]
        # Without keys nobody is kept out.
        command += [] if keys else ["--exclude-checks", "ignored_auth"]
        environment = {**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(HERE)}
        environment |= {"SCHEMATHESIS_HOOKS": "hooks", "ARETE_KEY": KEY}
        if subprocess.run(command, cwd=work, env=environment).returncode != 0:
            failed.append("schemathesis has findings")
    finally:
        faults = server.stop()
        (work / "server.log").write_text("".join(server.lines))
    if faults:
        print("The server's own log:\n" + "".join(faults))
        failed.append("the server's log has errors")
    return failed


def main():
    default = os.environ.get("ARETE", str(ROOT / "target" / "debug" / "arete"))
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else default).resolve()
    if not binary.exists():
        sys.exit(f"{binary} isn't there: build it first")
    programs = tools()
    failed = [problem for keys in (False, True) for problem in check(binary, programs, keys)]
    if failed:
        sys.exit("Failed: " + "; ".join(failed))
    print("The document is valid, and tells of every answer.")


if __name__ == "__main__":
    main()
