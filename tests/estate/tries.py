"""What the users and roles of the estate may and may not, found by trying: (what is tried, whether it was allowed, whether it has to be)."""

from botocore.exceptions import ClientError
from looks import ARCHIVE
from stand_in import ACCOUNT, REGION, client

RECORDS = [{"Data": b"{}\n", "PartitionKey": "k"}]
REFUSED = ("AccessDenied", "AuthorizationError", "NotAuthorized")


def allowed(call):
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"].startswith(REFUSED):
            return False
        raise
    return True


def key_of(endpoint, user, policy=None):
    """A key of a user; with `policy` the user is made, who may what a role with that policy may."""
    iam = client(endpoint, "iam")
    if policy:
        iam.create_user(UserName=user)
        iam.attach_user_policy(UserName=user, PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/{policy}")
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def worker(endpoint):
    key = key_of(endpoint, "pulso-worker")
    kinesis, sqs, plain = client(endpoint, "kinesis", key), client(endpoint, "sqs", key), client(endpoint, "sqs", key, tls=False)
    queue, dead = (f"{endpoint}/{ACCOUNT}/{name}" for name in ("pulso-retry", "pulso-retry-dead"))
    put = lambda stream: lambda: kinesis.put_records(StreamName=stream, Records=RECORDS)
    iterator = dict(StreamName="pulso-g1-events", ShardId="shardId-000000000000", ShardIteratorType="LATEST")
    calls = [
        ("puts events of g1", put("pulso-g1-events"), True),
        ("puts events of ge", put("pulso-ge-events"), True),
        ("puts interactions", put("pulso-g1-interactions"), False),
        ("reads events", lambda: kinesis.get_shard_iterator(**iterator), False),
        ("deletes a stream", lambda: kinesis.delete_stream(StreamName="pulso-g1-events"), False),
        ("sends to the retry queue", lambda: sqs.send_message(QueueUrl=queue, MessageBody="x"), True),
        ("sends there without TLS", lambda: plain.send_message(QueueUrl=queue, MessageBody="x"), False),
        ("takes from it", lambda: sqs.receive_message(QueueUrl=queue), False),
        ("sends to the dead-letter queue", lambda: sqs.send_message(QueueUrl=dead, MessageBody="x"), False),
        ("makes itself a key", lambda: client(endpoint, "iam", key).create_access_key(UserName="pulso-worker"), False),
        ("uses the streams' key by itself", lambda: client(endpoint, "kms", key).generate_data_key(KeyId="alias/pulso-streams", KeySpec="AES_256"), False),
        ("lists the archive", lambda: client(endpoint, "s3", key).list_objects_v2(Bucket=ARCHIVE), False),
    ]
    return [(f"worker {what}", allowed(call), must) for what, call, must in calls]


def roles(endpoint):
    backend, firehose = key_of(endpoint, "as-backend", "pulso-backend-may"), key_of(endpoint, "as-firehose", "pulso-firehose-may")
    operator, redrive = key_of(endpoint, "as-operator", "pulso-operator-may"), key_of(endpoint, "as-redrive", "pulso-redrive-may")
    kinesis, dynamodb = client(endpoint, "kinesis", backend), client(endpoint, "dynamodb", backend)
    put = lambda made, stream: lambda: made.put_records(StreamName=stream, Records=RECORDS)
    store = dict(Bucket=ARCHIVE, Key="g1/2026/object", Body=b"x")
    calls = [
        ("backend puts interactions", put(kinesis, "pulso-g1-interactions"), True),
        ("backend puts events", put(kinesis, "pulso-g1-events"), False),
        ("backend lists shards", lambda: kinesis.list_shards(StreamName="pulso-ge-events"), True),
        ("backend takes a lease", lambda: dynamodb.put_item(TableName="pulso-leases", Item={"key": {"S": "k"}}), True),
        ("backend deletes the table", lambda: dynamodb.delete_table(TableName="pulso-leases"), False),
        ("redrive puts events", put(client(endpoint, "kinesis", redrive), "pulso-g1-events"), True),
        ("redrive puts interactions", put(client(endpoint, "kinesis", redrive), "pulso-g1-interactions"), False),
        ("Firehose writes to the archive", lambda: client(endpoint, "s3", firehose).put_object(**store), True),
        ("Firehose deletes there", lambda: client(endpoint, "s3", firehose).delete_object(Bucket=ARCHIVE, Key=store["Key"]), False),
        ("an operator lists the archive", lambda: client(endpoint, "s3", operator).list_objects_v2(Bucket=ARCHIVE), True),
        ("an operator does so without TLS", lambda: client(endpoint, "s3", operator, tls=False).list_objects_v2(Bucket=ARCHIVE), False),
        ("an operator writes there", lambda: client(endpoint, "s3", operator).put_object(**store), False),
    ]
    return [(what, allowed(call), must) for what, call, must in calls]


def people(endpoint):
    person = key_of(endpoint, "a-person", "pulso-operators-may")
    role = lambda name: dict(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/pulso-{name}", RoleSessionName="trial")
    topic = dict(TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:pulso-page", Message="trial")
    calls = [
        ("a person becomes an operator without a second factor", lambda: client(endpoint, "sts", person).assume_role(**role("operator")), False),
        ("the account becomes an operator without one", lambda: client(endpoint, "sts").assume_role(**role("operator")), False),
        ("the account becomes the backend", lambda: client(endpoint, "sts").assume_role(**role("backend")), False),
        ("the account publishes to a topic without TLS", lambda: client(endpoint, "sns", tls=False).publish(**topic), False),
    ]
    return [(what, allowed(call), must) for what, call, must in calls]
