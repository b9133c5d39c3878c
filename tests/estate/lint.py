"""Holds the templates, and the backend's Dockerfile, against cfn-lint, hadolint, checkov and our own rules; with --mutants plants mistakes, each of which has to be found.

Our own rules are there because linters check shapes: that a key's policy admits CloudWatch, or that a nested stack is handed what it
asks for, they do not know. Exits with 1 when something is wrong, or when a planted mistake is not found.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import access
import dockerfile
import kept
import shape
from cfnlint.config import ConfigMixIn
from cfnlint.runner import Runner as CfnLint
from mutants import MUTANTS, mutated
from template import load

# Where production is.
REGION = "sa-east-1"
# W3002: a relative TemplateURL is for `aws cloudformation package`, which is how these are deployed.
IGNORED = ["W3002"]
RULES = access.RULES + kept.RULES + shape.RULES


def read(folder):
    return {path.name: load(path.read_text()) for path in sorted(folder.glob("*.yaml"))}


def by_rules(templates):
    """[(rule, template, logical id, what is wrong)]."""
    return [(rule.__name__, *finding) for rule in RULES for finding in rule(templates)]


def by_cfn_lint(files):
    """In one go: to begin takes longer than a template."""
    config = ConfigMixIn(["--template", *map(str, files), "--regions", REGION, "--ignore-checks", *IGNORED])
    return [(match.rule.id, Path(match.filename).name, f"line {match.linenumber}", match.message) for match in CfnLint(config).run()]


def by_checkov(folder):
    """Findings, what was suppressed, and how many checks passed; checkov asks nobody over the network."""
    logging.disable(logging.WARNING)
    from checkov.cloudformation.runner import Runner
    from checkov.runner_filter import RunnerFilter

    report = Runner().run(root_folder=str(folder), runner_filter=RunnerFilter(framework=["cloudformation"]))
    if report.parsing_errors:
        sys.exit(f"checkov cannot read {report.parsing_errors}")
    failed = [(check.check_id, check.file_path.lstrip("/"), check.resource.split(".")[-1], check.check_name) for check in report.failed_checks]
    skipped = {(check.file_path.lstrip("/"), check.resource.split(".")[-1], check.check_id) for check in report.skipped_checks}
    return failed, skipped, len(report.passed_checks)


def useless(templates, skipped):
    """Suppressions that suppress nothing, and those without a reason."""
    for file, template in templates.items():
        for name, resource in template["Resources"].items():
            for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
                if (file, name, skip["id"]) not in skipped or not skip.get("comment"):
                    yield "suppression", file, name, f"{skip['id']} suppresses nothing, or gives no reason"


def timed(what, started, findings, note=""):
    print(f"  {what:<10} {len(findings):>3} findings {time.monotonic() - started:>6.1f} s  {note}")
    for finding in findings:
        print("    " + ": ".join(map(str, finding)))
    return findings


def look(folder, templates):
    print(f"{len(templates)} templates, {sum(len(template['Resources']) for template in templates.values())} resources")
    started = time.monotonic()
    findings = timed("our rules", started, by_rules(templates), f"{len(RULES)} rules")
    started = time.monotonic()
    findings += timed("cfn-lint", started, by_cfn_lint(sorted(folder.glob("*.yaml"))))
    started = time.monotonic()
    failed, skipped, passed = by_checkov(folder)
    failed += useless(templates, skipped)
    findings += timed("checkov", started, failed, f"{passed} checks passed, {len(skipped)} suppressed with a reason")
    started = time.monotonic()
    return findings + timed("Dockerfile", started, dockerfile.findings(dockerfile.DOCKERFILE), "hadolint, checkov")


def caught_by(templates, file):
    """Who finds the mistake: our rules first, then the linters, which take longer."""
    findings = by_rules(templates)
    if findings:
        return "our rules: " + ", ".join(dict.fromkeys(finding[0] for finding in findings))
    with tempfile.TemporaryDirectory() as folder:
        for name, template in templates.items():
            Path(folder, name).write_text(json.dumps(template))
        findings = by_cfn_lint([Path(folder, file)])
        if findings:
            return "cfn-lint: " + ", ".join(dict.fromkeys(finding[0] for finding in findings))
        failed, _, _ = by_checkov(folder)
    return "checkov: " + ", ".join(dict.fromkeys(finding[0] for finding in failed)) if failed else None


def plant(templates):
    started, caught = time.monotonic(), 0
    if by := caught_by(templates, "root.yaml"):
        sys.exit(f"something is found where nothing is planted: {by}")
    for mutant in MUTANTS:
        by = caught_by(mutated(templates, mutant), mutant.file)
        caught += by is not None
        print(f"  {mutant.what:<64} {by or 'NOT FOUND'}")
    for mutant in dockerfile.MUTANTS:
        with tempfile.TemporaryDirectory() as folder:
            found = dockerfile.findings(dockerfile.mutated(folder, mutant))
        caught += bool(found)
        print(f"  {mutant[0]:<64} {'Dockerfile: ' + found[0][0] + ' ' + found[0][1][:40] if found else 'NOT FOUND'}")
    planted = len(MUTANTS) + len(dockerfile.MUTANTS)
    print(f"{caught} of {planted} caught, {time.monotonic() - started:.1f} s")
    return caught == planted


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--templates", type=Path, required=True)
    arguments.add_argument("--mutants", action="store_true")
    arguments = arguments.parse_args()
    templates = read(arguments.templates)
    is_right = not look(arguments.templates, templates)
    if arguments.mutants:
        # On templates that are right, or whatever is wrong already would catch every mutant.
        is_right = is_right and plant(templates)
    sys.exit(0 if is_right else 1)


main()
