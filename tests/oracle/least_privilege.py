"""Makes an IAM user who may put records into the portals' event streams and nothing else; prints its key: `id secret`.

With --queue it may also send to that queue of SQS. The event streams need not exist yet. With --check it shows instead that a
key may nothing else: prints what was refused.
"""

import argparse
import json

import boto3
from botocore.exceptions import ClientError
from streams import client, event_streams

USER = "pulso-worker"
ACCOUNT = "000000000000"


def make(endpoint, queue):
    iam = client(endpoint, "iam")
    region = iam.meta.region_name if iam.meta.region_name != "aws-global" else "us-east-1"
    arns = [f"arn:aws:kinesis:{region}:{ACCOUNT}:stream/{stream}" for stream in event_streams().values()]
    statements = [{"Effect": "Allow", "Action": "kinesis:PutRecords", "Resource": arns}]
    if queue:
        arn = f"arn:aws:sqs:{region}:{ACCOUNT}:{queue.rsplit('/')[-1]}"
        statements.append({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn})
    policy = {"Version": "2012-10-17", "Statement": statements}
    iam.create_user(UserName=USER)
    iam.put_user_policy(UserName=USER, PolicyName="put-events", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    print(key["AccessKeyId"], key["SecretAccessKey"])


def of_queues(sqs, endpoint, queue):
    """Calls that a key who may at most send to this queue is denied."""
    elsewhere = f"{endpoint}/{ACCOUNT}/pulso-retry-dead"
    calls = {
        "SendMessage elsewhere": lambda: sqs.send_message(QueueUrl=elsewhere, MessageBody="x"),
        "CreateQueue": lambda: sqs.create_queue(QueueName="pulso-own"),
    }
    if queue:
        entry = {"Id": "0", "ReceiptHandle": "r"}
        calls |= {
            "ReceiveMessage": lambda: sqs.receive_message(QueueUrl=queue),
            "DeleteMessageBatch": lambda: sqs.delete_message_batch(QueueUrl=queue, Entries=[entry]),
            "ChangeMessageVisibility": lambda: sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle="r", VisibilityTimeout=0),
            "PurgeQueue": lambda: sqs.purge_queue(QueueUrl=queue),
            "SetQueueAttributes": lambda: sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "1"}),
            "DeleteQueue": lambda: sqs.delete_queue(QueueUrl=queue),
        }
    return calls


def refused(endpoint, key_id, secret, queue):
    """The names of calls that the key is denied; they have to be all of these."""
    made = dict(endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key_id, aws_secret_access_key=secret)
    kinesis, iam, sqs = (boto3.client(name, **made) for name in ("kinesis", "iam", "sqs"))
    stream = next(iter(event_streams().values()))
    calls = {
        "PutRecord": lambda: kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="k"),
        "ListStreams": lambda: kinesis.list_streams(),
        "ListShards": lambda: kinesis.list_shards(StreamName=stream),
        "DeleteStream": lambda: kinesis.delete_stream(StreamName=stream),
        "PutRecords elsewhere": lambda: kinesis.put_records(
            StreamName=stream.replace("-events", "-interactions"), Records=[{"Data": b"x", "PartitionKey": "k"}]),
        "CreateAccessKey": lambda: iam.create_access_key(UserName=USER),
        **of_queues(sqs, endpoint, queue),
    }
    for name, call in calls.items():
        try:
            call()
            raise SystemExit(f"{name} is allowed and should not be")
        except ClientError as error:
            if "AccessDenied" not in error.response["Error"]["Code"]:
                raise
    return list(calls)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--queue", default="", metavar="URL")
    arguments.add_argument("--check", nargs=2, metavar=("ID", "SECRET"))
    arguments = arguments.parse_args()
    if arguments.check:
        print(", ".join(refused(arguments.endpoint, *arguments.check, arguments.queue)))
    else:
        make(arguments.endpoint, arguments.queue)


main()
