"""What a deployed environment has otherwise than the templates and parameters here: stack by stack, resource by resource. Changes nothing.

Compares the templates that CloudFormation keeps, not the resources themselves: what somebody changed by hand tells
`aws cloudformation detect-stack-drift`. Exits with 1 when there is a difference.
"""

import argparse
import difflib
import json
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from local import FAILING, Deployed, Estate, client
from template import NESTED, load, parameters, resources

# What CloudFormation shows of a parameter that is not to be shown.
HIDDEN = "****"
SECTIONS = ("Parameters", "Conditions", "Rules", "Mappings", "Outputs")


class Comparison:
    """One environment beside the templates here."""

    def __init__(self, cloudformation, templates, expected=lambda name, template: template):
        self.cloudformation, self.templates, self.expected = cloudformation, templates, expected
        self.lines = []

    def stack(self, name, file, wanted):
        """The stack, and those nested in it; `wanted` are its parameters, if they are known here."""
        described = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        here = load((self.templates / file).read_text())
        self.parameters(file, wanted, described)
        body = self.cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        there = load(body) if isinstance(body, str) else body
        here = self.expected(file, here)
        for section in SECTIONS:
            self.compare(f"{file} {section}", there.get(section, {}), here.get(section, {}))
        for logical_id in sorted(there["Resources"].keys() | here["Resources"].keys()):
            self.compare(f"{file} {logical_id}", bare(there["Resources"].get(logical_id)), bare(here["Resources"].get(logical_id)))
        ids = self.physical_ids(name)
        for logical_id, resource in resources(here, NESTED):
            if logical_id in ids:
                self.stack(ids[logical_id], resource["Properties"]["TemplateURL"], {})

    def physical_ids(self, name):
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        return {r["LogicalResourceId"]: r["PhysicalResourceId"] for page in pages for r in page["StackResourceSummaries"]}

    def parameters(self, file, wanted, described):
        """Those that are written down here; `aws cloudformation deploy` leaves others, such as the image, as they were."""
        there = {p["ParameterKey"]: p["ParameterValue"] for p in described.get("Parameters", [])}
        for key, value in sorted(wanted.items()):
            if there.get(key) not in (str(value), HIDDEN):
                self.lines.append(f"{file} parameter {key}: deployed {there.get(key, 'without it')}, here {value}")

    def compare(self, what, there, here):
        if there == here:
            return
        if there is None or here is None:
            self.lines.append(f"{what}: {'not deployed' if there is None else 'deployed, and not here'}")
            return
        text = lambda node: json.dumps(node, indent=1, sort_keys=True).splitlines()
        changed = [line for line in difflib.unified_diff(text(there), text(here), "deployed", "here", n=1, lineterm="") if line[:2] not in ("--", "++", "@@")]
        self.lines.append(f"{what}:\n    " + "\n    ".join(changed))


def bare(resource):
    """Without the address of a nested template: `package` writes where it put it."""
    if resource and resource["Type"] == NESTED:
        return {**resource, "Properties": {key: value for key, value in resource["Properties"].items() if key != "TemplateURL"}}
    return resource


def of_stand_in(endpoint, templates, stack, wanted):
    """The same with a stand-in, which was given only what it knows."""
    estate = Estate(endpoint, Deployed(stack))
    expected = lambda name, template: estate.without(template, estate.unknown(template, name) | FAILING, name)
    comparison = Comparison(client(endpoint, "cloudformation"), templates, expected)
    comparison.stack(stack, "root.yaml", wanted)
    return comparison.lines


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--templates", type=Path, required=True)
    arguments.add_argument("--env", required=True)
    arguments.add_argument("--stack", required=True)
    arguments.add_argument("--profile")
    arguments.add_argument("--endpoint")
    arguments = arguments.parse_args()
    wanted = parameters(arguments.templates / f"{arguments.env}.json")
    try:
        if arguments.endpoint:
            lines = of_stand_in(arguments.endpoint, arguments.templates, arguments.stack, wanted)
        else:
            comparison = Comparison(boto3.Session(profile_name=arguments.profile).client("cloudformation"), arguments.templates)
            comparison.stack(arguments.stack, "root.yaml", wanted)
            lines = comparison.lines
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"the deployed stack cannot be read: {error}")
    print("\n".join(lines) or "nothing is otherwise")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
