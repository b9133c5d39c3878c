"""The archive: Firehose copies each portal's event stream to S3, and none of our code reads or writes there.

`make` makes the bucket and a delivery stream per portal. `count` holds the objects against a generator's ledger: each has whole
lines, each line is one envelope, and together they have exactly the events that were accepted. Firehose is some seconds behind
the stream: it looks again until all are there or nothing new has come for --quiet seconds.
"""

import argparse
import collections
import json
import time

from ledger import accepted, event_ids, read_ledger
from streams import client, envelope_schema, event_streams

BUCKET = "pulso-events"
ROLE = "pulso-firehose"
ACCOUNT = "000000000000"


def make(endpoint):
    trust = {"Effect": "Allow", "Principal": {"Service": "firehose.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = client(endpoint, "iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    client(endpoint, "s3").create_bucket(Bucket=BUCKET)
    firehose = client(endpoint, "firehose")
    for portal, stream in event_streams().items():
        # The stream itself need not exist yet.
        arn = f"arn:aws:kinesis:{firehose.meta.region_name}:{ACCOUNT}:stream/{stream}"
        firehose.create_delivery_stream(
            DeliveryStreamName=f"pulso-{portal}-archive",
            DeliveryStreamType="KinesisStreamAsSource",
            KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": role},
            ExtendedS3DestinationConfiguration={"RoleARN": role, "BucketARN": f"arn:aws:s3:::{BUCKET}", "Prefix": f"{portal}/"},
        )
    print(BUCKET, len(event_streams()))


class Count:
    """What is in the objects that were read."""

    def __init__(self, wanted):
        self.wanted, self.schema, self.read = wanted, envelope_schema(), set()
        self.lines = self.broken = self.invalid = self.misplaced = 0
        self.found = collections.Counter()

    def take(self, key, data):
        self.read.add(key)
        # Firehose puts records one after the other and nothing between them: without a line feed at its end a record spoils the next.
        *lines, rest = data.split(b"\n")
        self.broken += rest != b""
        for line in lines:
            self.lines += 1
            try:
                envelope = json.loads(line)
            except ValueError:
                self.broken += 1
                continue
            if not self.schema.is_valid(envelope):
                self.invalid += 1
                continue
            self.misplaced += envelope["batch"]["portal"] != key.split("/")[0]
            self.found.update(event_ids(envelope))

    def totals(self):
        return {
            "objects": len(self.read), "lines": self.lines, "broken": self.broken, "invalid": self.invalid,
            "misplaced": self.misplaced, "distinct": len(self.found),
            "missing": len(self.wanted.keys() - self.found.keys()), "unknown": len(self.found.keys() - self.wanted.keys()),
        }


def count(endpoint, ledger, quiet):
    s3 = client(endpoint, "s3")
    count = Count(accepted(read_ledger(ledger)))
    last_news = time.monotonic()
    while time.monotonic() - last_news < quiet:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for key in (entry["Key"] for entry in page.get("Contents", [])):
                if key not in count.read:
                    count.take(key, s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
                    last_news = time.monotonic()
        if not count.wanted.keys() - count.found.keys():
            break
        time.sleep(0.3)
    print(json.dumps(count.totals()))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("what", choices=["make", "count"])
    arguments.add_argument("--ledger")
    arguments.add_argument("--quiet", type=float, default=5)
    arguments = arguments.parse_args()
    if arguments.what == "make":
        make(arguments.endpoint)
    else:
        count(arguments.endpoint, arguments.ledger, arguments.quiet)


main()
