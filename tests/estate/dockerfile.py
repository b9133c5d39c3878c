"""The backend's Dockerfile before hadolint and checkov, and mistakes to plant into it. Whether it builds, only a machine with Docker knows."""

import subprocess
import sys
from pathlib import Path

from template import ROOT

DOCKERFILE = ROOT / "backend/Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")
# (what, the text that stands there, the text that somebody would write).
MUTANTS = [
    ("the image runs as root", "USER 10001:10001", "USER root"),
    ("the image runs as whoever the base says", "USER 10001:10001\n", ""),
    ("a base image of any version", "rust:1.95.0-bookworm", "rust:latest"),
    ("a relative folder to work in", "WORKDIR /source", "WORKDIR source"),
    ("sources from anywhere", "COPY portals.toml", "ADD https://pulso.example/portals.toml"),
    ("whatever versions cargo likes", " --locked", ""),
]


def findings(path):
    """[(who, what)]; checkov has to be there already, with its log silenced."""
    from checkov.dockerfile.runner import Runner
    from checkov.runner_filter import RunnerFilter

    said = subprocess.run([HADOLINT, "--no-color", path], capture_output=True, text=True, check=False).stdout
    found = [("hadolint", line.removeprefix(f"{path}:")) for line in said.splitlines()]
    report = Runner().run(root_folder=None, files=[str(path)], runner_filter=RunnerFilter(framework=["dockerfile"]))
    found += [(check.check_id, check.check_name) for check in report.failed_checks]
    builds = [line for line in path.read_text().splitlines() if line.startswith("RUN cargo build")]
    if not builds or not all("--locked" in line for line in builds):
        found.append(("our rule", "builds other versions than were tested"))
    return found


def mutated(folder, mutant):
    """A Dockerfile with the mistake in it."""
    _, there, instead = mutant
    text = DOCKERFILE.read_text()
    if there not in text:
        sys.exit(f"planting changed nothing: {mutant[0]}")
    path = Path(folder, "Dockerfile")
    path.write_text(text.replace(there, instead))
    return path
