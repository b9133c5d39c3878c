"""Makes an IAM user who may put records into the portals' event streams and nothing else; prints its key: `id secret`.

The event streams need not exist yet. With --check it shows instead that a key may nothing else: prints what was refused.
"""

import argparse
import json

import boto3
from botocore.exceptions import ClientError
from streams import client, event_streams

USER = "pulso-worker"
ACCOUNT = "000000000000"


def make(endpoint):
    iam = client(endpoint, "iam")
    region = iam.meta.region_name if iam.meta.region_name != "aws-global" else "us-east-1"
    arns = [f"arn:aws:kinesis:{region}:{ACCOUNT}:stream/{stream}" for stream in event_streams().values()]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kinesis:PutRecords", "Resource": arns}]}
    iam.create_user(UserName=USER)
    iam.put_user_policy(UserName=USER, PolicyName="put-events", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    print(key["AccessKeyId"], key["SecretAccessKey"])


def refused(endpoint, key_id, secret):
    """The names of calls that the key is denied; they have to be all of these."""
    made = dict(endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key_id, aws_secret_access_key=secret)
    kinesis, iam = boto3.client("kinesis", **made), boto3.client("iam", **made)
    stream = next(iter(event_streams().values()))
    calls = {
        "PutRecord": lambda: kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="k"),
        "ListStreams": lambda: kinesis.list_streams(),
        "ListShards": lambda: kinesis.list_shards(StreamName=stream),
        "DeleteStream": lambda: kinesis.delete_stream(StreamName=stream),
        "PutRecords elsewhere": lambda: kinesis.put_records(
            StreamName=stream.replace("-events", "-interactions"), Records=[{"Data": b"x", "PartitionKey": "k"}]),
        "CreateAccessKey": lambda: iam.create_access_key(UserName=USER),
    }
    for name, call in calls.items():
        try:
            call()
            raise SystemExit(f"{name} is allowed and should not be")
        except ClientError as error:
            if not error.response["Error"]["Code"].startswith("AccessDenied"):
                raise
    return list(calls)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--check", nargs=2, metavar=("ID", "SECRET"))
    arguments = arguments.parse_args()
    if arguments.check:
        print(", ".join(refused(arguments.endpoint, *arguments.check)))
    else:
        make(arguments.endpoint)


main()
