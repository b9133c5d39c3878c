"""Deploys the whole estate into an AWS stand-in of its own, reads it back through the services' own interfaces, and tries its policies.

Says of each element: read back as it should be, accepted without a way to read it, or on paper only, because the stand-in does not
know the type. Then plants changes by hand into what is deployed: each has to be seen. Exits with 1 when something is otherwise.
"""

import argparse
import io
import json
import signal
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import looks
import template
import tries
from diff import of_stand_in
from local import BUCKET, deploy
from stand_in import ACCOUNT, client, running
from template import load, resources

DIGEST = "0" * 64


def everything_on(templates):
    """Production's, with everything switched on that may be."""
    return template.parameters(templates / "production.json") | {
        "WithSqs": "true", "WithShield": "true", "WithAnomalyDetection": "false",
        "BackendImage": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/pulso-backend@sha256:{DIGEST}",
        "CertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0", "NotifierCodeBucket": BUCKET, "NotifierCodeKey": "notifier.zip",
    }


def upload_notifier(endpoint):
    """The smallest code that a function takes."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("bootstrap", "#!/bin/sh\n")
    s3 = client(endpoint, "s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="notifier.zip", Body=code.getvalue())


def portals(templates):
    root = load((templates / "root.yaml").read_text())
    nested = [resource["Properties"] for _, resource in resources(root) if resource["Properties"].get("TemplateURL") == "portal.yaml"]
    return [properties["Parameters"]["Portal"] for properties in nested]


def expected_alarms(templates, count):
    """As many metric alarms as the templates have, those of anomalies left out, which the stand-in cannot."""
    names = {"alarms.yaml": 1, "alarms-portal.yaml": count, "alarms-portal-late.yaml": count, "service.yaml": 1, "billing.yaml": 1}
    found = 0
    for name, times in names.items():
        alarms = resources(load((templates / name).read_text()), "AWS::CloudWatch::Alarm")
        found += times * len([alarm for _, alarm in alarms if "Metrics" not in alarm["Properties"]])
    return found


def everything(world, templates, given, composites):
    """[(element, what is said, what is wanted)]."""
    ids = portals(templates)
    number = lambda name: int(given[name])
    days = int(given.get("LogRetentionDays", 90))
    return [
        *looks.streams(world, ids, number("RetentionHours")), *looks.queues(world), *looks.table(world), *looks.keys(world),
        *looks.buckets(world, number("HotDays"), number("ArchiveDays")), *looks.topics(world, given["AlarmEmail"]), *looks.logs(world, days),
        *looks.backend(world), *looks.network(world, given["OperatorsCidr"]), *looks.notifier(world),
        *looks.monitoring(world, expected_alarms(templates, len(ids)), composites),
    ]


def judged(seen):
    """Counts by element; what is otherwise than it should be, and what the stand-in says that it was thought not to."""
    told, silent, wrong = {}, {}, []
    for element, said, wanted in seen:
        if said == wanted:
            told[element] = told.get(element, 0) + 1
            if element in looks.SILENT:
                wrong.append(f"{element} can be read back by now: take it out of SILENT")
        elif element in looks.SILENT:
            silent[element] = silent.get(element, 0) + 1
        else:
            wrong.append(f"{element}: {said}, and should be {wanted}")
    return told, silent, wrong


def changed_by_hand(endpoint):
    """Changes that somebody makes in the console, each with the element that has to show it."""
    of = lambda service: client(endpoint, service)
    retry = f"{endpoint}/{ACCOUNT}/pulso-retry"
    plain = json.dumps({"Version": "2012-10-17", "Statement": []})
    return [
        ("stream: retention", lambda: of("kinesis").decrease_stream_retention_period(StreamName="pulso-g1-events", RetentionPeriodHours=24)),
        ("queue: fourteen days", lambda: of("sqs").set_queue_attributes(QueueUrl=retry, Attributes={"MessageRetentionPeriod": "345600"})),
        ("bucket: TLS only", lambda: of("s3").put_bucket_policy(Bucket=looks.ARCHIVE, Policy=plain)),
        ("bucket: closed to the public", lambda: of("s3").put_public_access_block(
            Bucket=looks.ARCHIVE, PublicAccessBlockConfiguration=looks.PUBLIC_BLOCKS | {"BlockPublicPolicy": False})),
        ("log: ends", lambda: of("logs").delete_retention_policy(logGroupName="/pulso/edge")),
        ("key: changed every year", lambda: of("kms").disable_key_rotation(KeyId="alias/pulso-archive")),
        ("alarms: all of the templates", lambda: of("cloudwatch").delete_alarms(AlarmNames=["pulso-backlog"])),
        ("rules: to the notifier, else kept", lambda: of("events").put_targets(
            Rule="pulso-task-stopped", Targets=[{"Id": "notifier", "Arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:other"}])),
    ]


def show(title, counts):
    print(title)
    for element, count in sorted(counts.items()):
        print(f"  {element}" + (f" ({count} times)" if count > 1 else ""))


def trial(endpoint, templates):
    started = time.monotonic()
    upload_notifier(endpoint)
    given = everything_on(templates)
    deployed = deploy(endpoint, templates / "root.yaml", "pulso", given)
    bill = deploy(endpoint, templates / "billing.yaml", "pulso-billing", {key: given[key] for key in ("MonthlyUsd", "AlarmEmail", "RunbookUrl")})
    print(f"{len(deployed.stacks) + 1} stacks deployed in {time.monotonic() - started:.1f} s")
    world = looks.World(endpoint)
    look = lambda: everything(world, templates, given, len(deployed.composites))
    told, silent, wrong = judged(without_bill(look()))
    show("deployed and read back", told)
    show("accepted, and the stand-in does not tell it again", silent)
    dropped = {f"{kind}: {name}": 1 for kind, names in (deployed.dropped | bill.dropped).items() for name in names}
    show("on paper: the stand-in does not know the type", dropped)
    print("tried")
    for what, was, must in [*tries.worker(endpoint), *tries.roles(endpoint), *tries.staff(endpoint), *tries.people(endpoint)]:
        print(f"  {what}: {'allowed' if was else 'refused'}")
        if was != must:
            wrong.append(f"{what}: {'allowed' if was else 'refused'}")
    wrong += compared(endpoint, templates, given)
    wrong += unseen(endpoint, lambda: judged(without_bill(look()))[2])
    print(f"{sum(told.values())} read back, {sum(silent.values())} not readable, {len(dropped)} on paper, {time.monotonic() - started:.1f} s")
    return wrong


def compared(endpoint, templates, given):
    """`infra diff` finds nothing in what was just deployed, and each of three changes of what is here."""
    wrong = [f"diff sees what nobody changed: {line}" for line in of_stand_in(endpoint, templates, "pulso", given)]
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder)
        for path in templates.glob("*.yaml"):
            text = path.read_text()
            text = text.replace("maxReceiveCount: 100", "maxReceiveCount: 10") if path.name == "queue.yaml" else text
            text = text.replace("  EdgeLog: ", "  EdgesLog: ") if path.name == "logs.yaml" else text
            (changed / path.name).write_text(text)
        lines = of_stand_in(endpoint, changed, "pulso", given | {"HotDays": "7"})
    seen = [any(line.startswith(start) for line in lines) for start in ("root.yaml parameter HotDays", "queue.yaml Queue", "logs.yaml Outputs")]
    print(f"differences: {sum(seen)} of {len(seen)} seen in {len(lines)} lines")
    return wrong + ["diff misses a change"] * seen.count(False)


def without_bill(seen):
    """The subscriptions of the bill's topic are not the estate's."""
    for element, said, wanted in seen:
        yield element, {sub for sub in said if sub[0] != "pulso-billing"} if element == "topic: who hears it" else said, wanted


def unseen(endpoint, faults):
    missed, changes, before = [], changed_by_hand(endpoint), faults()
    for element, change in changes:
        change()
        after = faults()
        news, before = [fault for fault in after if fault not in before], after
        if not any(fault.startswith(element) for fault in news):
            missed.append(f"changed by hand and not seen: {element}")
    print(f"changed by hand: {len(changes) - len(missed)} of {len(changes)} seen")
    return missed


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--templates", type=Path, required=True)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--keep", action="store_true", help="leave it running, untouched by trials, until a signal comes")
    arguments = arguments.parse_args()
    # Else a wish to stop would leave the stand-in running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("interrupted"))
    with running(arguments.port) as endpoint:
        if arguments.keep:
            upload_notifier(endpoint)
            deploy(endpoint, arguments.templates / "root.yaml", "pulso", everything_on(arguments.templates))
            print(f"deployed at {endpoint}, key test, secret test; Ctrl-C ends it", flush=True)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
            signal.sigwait([signal.SIGINT, signal.SIGTERM])
            return
        wrong = trial(endpoint, arguments.templates)
    if wrong:
        sys.exit("otherwise than it should be:\n  " + "\n  ".join(wrong))


main()
