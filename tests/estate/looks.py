"""What a deployed estate has to say of itself, asked through the services' own interfaces: (what is looked at, what is said, what is wanted).

The names of what the stand-in takes and does not tell again stand in SILENT: should it learn to, that is noticed.
"""

import json

from stand_in import ACCOUNT, REGION, client

ARCHIVE, LOGS_BUCKET = f"pulso-archive-{ACCOUNT}-{REGION}", f"pulso-access-logs-{ACCOUNT}-{REGION}"
FOURTEEN_DAYS = "1209600"
PUBLIC_BLOCKS = {block: True for block in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")}
# The stand-in takes these and forgets them.
SILENT = {
    "stream: sealed", "archive: DEEP_ARCHIVE and an end", "archive: sealed", "archive: who read it is logged", "topic: sealed",
    "table: sealed", "table: every minute of last month", "notifier: reserved concurrency", "backend: secret and volume",
    "trail: its bucket is sealed",
}


class World:
    """Clients of the stand-in, and its keys by alias."""

    def __init__(self, endpoint):
        self.endpoint, self.clients = endpoint, {}
        aliases = self.of("kms").list_aliases()["Aliases"]
        self.keys = {alias["AliasName"].removeprefix("alias/pulso-"): alias["TargetKeyId"] for alias in aliases}

    def of(self, service):
        if service not in self.clients:
            # A client takes longer to make than to ask.
            self.clients[service] = client(self.endpoint, service)
        return self.clients[service]

    def key(self, name):
        return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{self.keys[name]}"


def streams(world, portals, hours):
    kinesis, firehose = world.of("kinesis"), world.of("firehose")
    for name in (f"pulso-{portal}-{kind}" for portal in portals for kind in ("events", "interactions")):
        said = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        yield "stream: on demand", said["StreamModeDetails"]["StreamMode"], "ON_DEMAND"
        yield "stream: retention", said["RetentionPeriodHours"], hours
        yield "stream: sealed", (said["EncryptionType"], said.get("KeyId")), ("KMS", world.key("streams"))
    for portal in portals:
        said = firehose.describe_delivery_stream(DeliveryStreamName=f"pulso-{portal}-archive")["DeliveryStreamDescription"]
        to = said["Destinations"][0]["ExtendedS3DestinationDescription"]
        yield "Firehose: from the events", said["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"].split("/")[1], f"pulso-{portal}-events"
        yield "Firehose: GZIP, 128 MiB or 900 s", (to["CompressionFormat"], to["BufferingHints"]), ("GZIP", {"SizeInMBs": 128, "IntervalInSeconds": 900})
        yield "Firehose: what failed lies apart", to["ErrorOutputPrefix"].startswith(f"errors/{portal}/"), True
        yield "Firehose: sealed", to["EncryptionConfiguration"]["KMSEncryptionConfig"]["AWSKMSKeyARN"], world.key("archive")


def queues(world):
    sqs = world.of("sqs")
    for name in ("pulso-retry", "pulso-retry-dead", "pulso-notifier-dead"):
        said = sqs.get_queue_attributes(QueueUrl=f"{world.endpoint}/{ACCOUNT}/{name}", AttributeNames=["All"])["Attributes"]
        yield "queue: fourteen days", said["MessageRetentionPeriod"], FOURTEEN_DAYS
        yield "queue: sealed", said["KmsMasterKeyId"], world.key("queues")
        yield "queue: TLS only", refuses_plain(said["Policy"]), True
        if name == "pulso-retry":
            redrive = json.loads(said["RedrivePolicy"])
            yield "queue: a hundred deliveries", (redrive["maxReceiveCount"], redrive["deadLetterTargetArn"].split(":")[-1]), (100, "pulso-retry-dead")


def refuses_plain(policy):
    statements = json.loads(policy)["Statement"]
    return any(s["Effect"] == "Deny" and s.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}} for s in statements)


def buckets(world, hot_days, archive_days):
    s3 = world.of("s3")
    for bucket in (ARCHIVE, LOGS_BUCKET, f"pulso-trail-{ACCOUNT}-{REGION}"):
        yield "bucket: closed to the public", s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"], PUBLIC_BLOCKS
        yield "bucket: versions", s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled"
        yield "bucket: TLS only", refuses_plain(s3.get_bucket_policy(Bucket=bucket)["Policy"]), True
        rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        yield "bucket: no ACLs", rules, [{"ObjectOwnership": "BucketOwnerEnforced"}]
    yield "archive: DEEP_ARCHIVE and an end", lifecycle(s3), ([{"Days": hot_days, "StorageClass": "DEEP_ARCHIVE"}], archive_days)
    yield "archive: sealed", sealed(s3, ARCHIVE), world.key("archive")
    yield "trail: its bucket is sealed", sealed(s3, f"pulso-trail-{ACCOUNT}-{REGION}"), world.key("trail")
    yield "archive: who read it is logged", s3.get_bucket_logging(Bucket=ARCHIVE).get("LoggingEnabled", {}).get("TargetBucket"), LOGS_BUCKET


def sealed(s3, bucket):
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    return rules[0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")


def lifecycle(s3):
    try:
        rule = s3.get_bucket_lifecycle_configuration(Bucket=ARCHIVE)["Rules"][0]
    except s3.exceptions.ClientError:
        return None
    return rule["Transitions"], rule["Expiration"]["Days"]


def table(world):
    dynamodb = world.of("dynamodb")
    said = dynamodb.describe_table(TableName="pulso-leases")["Table"]
    yield "table: the backend's key", said["KeySchema"], [{"AttributeName": "key", "KeyType": "HASH"}]
    yield "table: cannot be deleted by one call", said["DeletionProtectionEnabled"], True
    yield "table: sealed", said.get("SSEDescription", {}).get("KMSMasterKeyArn"), world.key("state")
    backups = dynamodb.describe_continuous_backups(TableName="pulso-leases")["ContinuousBackupsDescription"]
    yield "table: every minute of last month", backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"], "ENABLED"


def keys(world):
    kms = world.of("kms")
    for name in ("streams", "queues", "archive", "state", "topics", "logs", "trail"):
        yield "key: changed every year", kms.get_key_rotation_status(KeyId=world.keys[name])["KeyRotationEnabled"], True
    policy = json.loads(kms.get_key_policy(KeyId=world.keys["topics"], PolicyName="default")["Policy"])
    named = [s["Principal"]["Service"] for s in policy["Statement"] if "Service" in s["Principal"]]
    services = {service for one in named for service in ([one] if isinstance(one, str) else one)}
    yield "key: the topics' admits what alarms", services, {f"{name}.amazonaws.com" for name in ("cloudwatch", "events", "budgets")}


def topics(world, email):
    sns = world.of("sns")
    for name in ("page", "ticket", "people"):
        said = sns.get_topic_attributes(TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:pulso-{name}")["Attributes"]
        yield "topic: TLS only", refuses_plain(said["Policy"]), True
        yield "topic: sealed", said.get("KmsMasterKeyId"), world.key("topics")
    said = {(sub["TopicArn"].split(":")[-1], sub["Protocol"], sub["Endpoint"].split(":")[-1]) for sub in sns.list_subscriptions()["Subscriptions"]}
    yield "topic: who hears it", said, {("pulso-page", "lambda", "pulso-notifier"), ("pulso-ticket", "lambda", "pulso-notifier"), ("pulso-people", "email", email)}


def logs(world, days):
    groups = {group["logGroupName"]: group for group in world.of("logs").describe_log_groups()["logGroups"]}
    for name in ("/pulso/backend", "/aws/lambda/pulso-notifier", "/pulso/edge", "/pulso/firehose", "/pulso/network", "/pulso/alarms", "aws-waf-logs-pulso"):
        yield "log: ends", groups[name].get("retentionInDays"), days
        yield "log: sealed", groups[name].get("kmsKeyId"), world.key("logs")


def backend(world):
    ecs, elb = world.of("ecs"), world.of("elbv2")
    task = ecs.describe_task_definition(taskDefinition="pulso-backend")["taskDefinition"]
    container = task["containerDefinitions"][0]
    yield "backend: not root, nothing to write but /data", (container["user"], container["readonlyRootFilesystem"]), ("10001:10001", True)
    yield "backend: secret and volume", (bool(container["secrets"][0].get("valueFrom")), task["volumes"][0].get("name")), (True, "data")
    balancer, = elb.describe_load_balancers()["LoadBalancers"]
    listener, = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    yield "balancer: TLS 1.2 or later", (listener["Protocol"], listener["SslPolicy"]), ("HTTPS", "ELBSecurityPolicy-TLS13-1-2-2021-06")
    target, = elb.describe_target_groups()["TargetGroups"]
    yield "balancer: alive is 200 or 503", (target["HealthCheckPath"], target["Matcher"]["HttpCode"]), ("/health", "200,503")
    acls = world.of("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]
    yield "firewall", [acl["Name"] for acl in acls], ["pulso-backend"]
    image, = world.of("ecr").describe_repositories()["repositories"]
    yield "registry: tags never move, sealed", (image["imageTagMutability"], image["encryptionConfiguration"]["kmsKey"]), ("IMMUTABLE", world.key("state"))
    secret = world.of("secretsmanager").describe_secret(SecretId="pulso/admin-secret")
    yield "secret: sealed", secret["KmsKeyId"], world.key("state")


def network(world, operators):
    ec2 = world.of("ec2")
    groups = {group["GroupName"].split("-")[-1]: group for group in ec2.describe_security_groups()["SecurityGroups"]}
    rule, = groups["BalancerGroup"]["IpPermissions"]
    yield "network: operators reach 443", (rule["FromPort"], [r["CidrIp"] for r in rule["IpRanges"]]), (443, [operators])
    out = groups["BackendGroup"]["IpPermissionsEgress"]
    said = [r["CidrIp"] for rule in out for r in rule["IpRanges"]], {rule.get("FromPort") for rule in out}
    yield "network: tasks reach AWS and Cloudflare on 443 alone", said, (["10.60.0.0/16"], {443})
    said = sorted(endpoint["ServiceName"].removeprefix(f"com.amazonaws.{REGION}.") for endpoint in ec2.describe_vpc_endpoints()["VpcEndpoints"])
    wanted = "dynamodb ecr.api ecr.dkr kinesis-streams kms logs monitoring s3 secretsmanager sns sqs"
    yield "network: endpoints", " ".join(said), wanted


def notifier(world):
    functions, events = world.of("lambda"), world.of("events")
    said = functions.get_function_configuration(FunctionName="pulso-notifier")
    yield "notifier: what it is built for", (said["Runtime"], said["Architectures"], said["Handler"]), ("provided.al2023", ["arm64"], "bootstrap")
    yield "notifier: reserved concurrency", functions.get_function_concurrency(FunctionName="pulso-notifier").get("ReservedConcurrentExecutions"), 5
    rules = {rule["Name"] for rule in events.list_rules()["Rules"]}
    yield "rules: tasks, deployments, alarms", rules, {"pulso-task-stopped", "pulso-deployment-failed", "pulso-part-changed", "pulso-alarm-changed"}
    for name in ("pulso-task-stopped", "pulso-deployment-failed", "pulso-part-changed"):
        target, = events.list_targets_by_rule(Rule=name)["Targets"]
        yield "rules: to the notifier, else kept", (target["Arn"].split(":")[-1], "DeadLetterConfig" in target), ("pulso-notifier", True)


def monitoring(world, alarms, composites):
    cloudwatch = world.of("cloudwatch")
    body = json.loads(cloudwatch.get_dashboard(DashboardName="pulso")["DashboardBody"])
    yield "dashboard: its widgets", len([w for w in body["widgets"] if w["type"] == "metric"]), 24
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    said = {alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"] + page["CompositeAlarms"]}
    yield "alarms: all of the templates", len(said), alarms + composites
