"""Deploys a template and everything nested in it into the stand-in, as far as the stand-in knows it.

`deploy` uploads the templates to S3, drops the resource types that the stand-in answers it does not know, creates or updates the
stack, and makes composite alarms through CloudWatch's own API. What was dropped is told: it stands on paper only.
"""

import json
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from template import NESTED, Resolver, load, replaced, resources

BUCKET = "pulso-templates"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
UNKNOWN = re.compile(r"Unrecognized resource types: \[([^\]]*)\]")
# The stand-in has these, and fails on ours: of a number that is a parameter it makes a text, and then counts with it.
FAILING = {"AWS::ECS::Service"}
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
# The whole estate takes some seconds.
TIMEOUT_S = 120
# Composite alarms that name each other: deeper is no rule that a person can read.
PASSES = 5


@dataclass
class Deployed:
    """What is there now."""

    name: str
    # Stack name by the path of its template below the root's folder; a template that is used twice has two stacks.
    stacks: list = field(default_factory=list)
    # Logical ids by resource type that the stand-in does not know.
    dropped: dict = field(default_factory=dict)
    # Names of composite alarms, made through CloudWatch.
    composites: list = field(default_factory=list)
    outputs: dict = field(default_factory=dict)


def client(endpoint, service):
    """A client of the stand-in."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=os.environ.get("AWS_REGION", "us-east-1"),
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
    )


def deploy(endpoint, template_path, stack_name, parameters=None):
    """Creates the stack, or updates it; says what the stand-in did not take. Raises with the stand-in's reasons when it fails."""
    estate = Estate(endpoint, Deployed(stack_name))
    url = estate.upload(Path(template_path))
    entries = [{"ParameterKey": key, "ParameterValue": str(value)} for key, value in (parameters or {}).items()]
    estate.submit(stack_name, dict(StackName=stack_name, TemplateURL=url, Parameters=entries, Capabilities=CAPABILITIES))
    estate.look_at(stack_name, Path(template_path))
    estate.make_composites()
    return estate.deployed


class Estate:
    """One deployment on its way."""

    def __init__(self, endpoint, deployed):
        self.endpoint, self.deployed = endpoint, deployed
        self.cloudformation, self.s3 = client(endpoint, "cloudformation"), client(endpoint, "s3")
        self.cloudwatch = client(endpoint, "cloudwatch")
        self.s3.create_bucket(Bucket=BUCKET)
        # Without composite alarms and unknown types, by path; nested ones point to S3.
        self.uploaded = {}
        self.alarms = []

    def upload(self, path):
        """Uploads the template without what the stand-in does not know; its URL."""
        path = path.resolve()
        if path in self.uploaded:
            return self.uploaded[path]
        template = load(path.read_text())
        for _, resource in resources(template, NESTED):
            nested = path.parent / resource["Properties"]["TemplateURL"]
            resource["Properties"]["TemplateURL"] = self.upload(nested)
        template = self.without(template, self.unknown(template, path.name) | FAILING, path.name)
        self.uploaded[path] = self.put(path.name, template)
        return self.uploaded[path]

    def put(self, name, template):
        self.s3.put_object(Bucket=BUCKET, Key=name, Body=json.dumps(template))
        return f"{self.endpoint}/{BUCKET}/{name}"

    def unknown(self, template, name):
        """The types that the stand-in refuses, in its own words; conditions would hide some from it."""
        bare = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {
            logical_id: {"Type": resource["Type"]} for logical_id, resource in template["Resources"].items()}}
        try:
            self.cloudformation.validate_template(TemplateURL=self.put(f"types-of-{name}", bare))
        except ClientError as error:
            refused = UNKNOWN.search(str(error))
            if not refused:
                raise
            return set(refused[1].split(", "))
        return set()

    def without(self, template, types, name):
        gone = {logical_id: resource["Type"] for logical_id, resource in resources(template) if resource["Type"] in types}
        for logical_id, kind in gone.items():
            if kind != COMPOSITE:
                self.deployed.dropped.setdefault(kind, []).append(f"{name}/{logical_id}")
        template["Resources"] = {key: value for key, value in template["Resources"].items() if key not in gone}
        if not template["Resources"]:
            # A template needs one resource.
            template["Resources"]["Nothing"] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
        return replaced(template, set(gone), lambda logical_id: f"{logical_id}-on-paper")

    def submit(self, name, request):
        try:
            self.cloudformation.create_stack(**request, DisableRollback=True)
        except self.cloudformation.exceptions.AlreadyExistsException:
            try:
                self.cloudformation.update_stack(**request)
            except ClientError as error:
                if "No updates" not in str(error):
                    raise
                return
        deadline = time.monotonic() + TIMEOUT_S
        while (status := self.stack(name)["StackStatus"]).endswith("IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is still {status} after {TIMEOUT_S} s")
            time.sleep(0.1)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise RuntimeError(f"{name} is {status}:\n" + "\n".join(self.reasons(name)))

    def stack(self, name):
        return self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]

    def reasons(self, name):
        events = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failed = (event for event in events if event["ResourceStatus"].endswith("FAILED"))
        return [f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}" for event in failed]

    def look_at(self, name, path):
        """Notes the stack and those nested in it, and the composite alarms that they want."""
        stack, template = self.stack(name), load(path.read_text())
        ids = {r["LogicalResourceId"]: r["PhysicalResourceId"]
               for page in self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
               for r in page["StackResourceSummaries"]}
        values = {"AWS::Region": self.s3.meta.region_name, "AWS::AccountId": stack["StackId"].split(":")[4], "AWS::StackName": name}
        values |= {"AWS::Partition": "aws", **ids, **{p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])}}
        self.deployed.stacks.append((path.name, name))
        if name == self.deployed.name:
            self.deployed.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        resolver = Resolver(template, values)
        for _, resource in resources(template, COMPOSITE):
            if "Condition" not in resource or resolver.condition(resource["Condition"]):
                self.alarms.append(resolver.resolve(resource["Properties"]))
        for logical_id, resource in resources(template, NESTED):
            if logical_id in ids:
                self.look_at(ids[logical_id], path.parent / resource["Properties"]["TemplateURL"])

    def make_composites(self):
        """In whatever order they name each other."""
        left = self.alarms
        for _ in range(PASSES):
            refused = [alarm for alarm in left if not self.make(alarm, must=False)]
            if len(refused) == len(left):
                break
            left = refused
        for alarm in left:
            self.make(alarm, must=True)

    def make(self, alarm, must):
        try:
            self.cloudwatch.put_composite_alarm(**alarm)
        except ClientError as error:
            if must or "do not exist" not in str(error):
                raise
            return False
        self.deployed.composites.append(alarm["AlarmName"])
        return True
