"""Rules of what is kept: sealed, for how long, by TLS alone, and not lost with a stack. A rule yields (template, logical id, what is wrong)."""

from access import excuse, listed, statements
from template import resources

# Where the key of each kind stands.
SEALED_BY = {
    "AWS::Kinesis::Stream": ("StreamEncryption", "KeyId"),
    "AWS::SQS::Queue": ("KmsMasterKeyId",),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    "AWS::DynamoDB::Table": ("SSESpecification", "KMSMasterKeyId"),
    "AWS::Logs::LogGroup": ("KmsKeyId",),
    "AWS::SecretsManager::Secret": ("KmsKeyId",),
    "AWS::ECR::Repository": ("EncryptionConfiguration", "KmsKey"),
    "AWS::Lambda::Function": ("KmsKeyArn",),
    "AWS::CloudTrail::Trail": ("KMSKeyId",),
    "AWS::ECS::Cluster": ("Configuration", "ManagedStorageConfiguration", "FargateEphemeralStorageKmsKeyId"),
    "AWS::KinesisFirehose::DeliveryStream":
        ("ExtendedS3DestinationConfiguration", "EncryptionConfiguration", "KMSEncryptionConfig", "AWSKMSKeyARN"),
}
# What outlives its stack.
RETAINED = {"AWS::Kinesis::Stream", "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SQS::Queue",
            "AWS::ECR::Repository", "AWS::SecretsManager::Secret", "AWS::IAM::User"}
FOURTEEN_DAYS_S = 1_209_600
# Which property of a policy names what it is about.
GUARDED = {"AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket"), "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues"),
           "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics")}
PUBLIC_BLOCKS = {"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"}


def at(node, path):
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def each(templates, kind):
    for file, template in templates.items():
        for name, resource in resources(template, kind):
            yield file, name, resource, resource["Properties"]


def everything_is_sealed(templates):
    for kind, path in SEALED_BY.items():
        for file, name, _, properties in each(templates, kind):
            if not at(properties, path):
                yield file, name, f"is not sealed by a key of ours: {'.'.join(path)}"
    for file, name, _, properties in each(templates, "AWS::Kinesis::Stream"):
        if at(properties, ("StreamEncryption", "EncryptionType")) != "KMS":
            yield file, name, "is not sealed: EncryptionType"
    for file, name, resource, properties in each(templates, "AWS::S3::Bucket"):
        rules = at(properties, ("BucketEncryption", "ServerSideEncryptionConfiguration")) or [{}]
        default = rules[0].get("ServerSideEncryptionByDefault", {})
        if not default:
            yield file, name, "is not sealed"
        elif not default.get("KMSMasterKeyID") and not excuse(resource, "own-key"):
            yield file, name, "is sealed by a key that is not ours, without a reason in Metadata"


def tls_only(templates):
    for kind, (policy, property_of) in GUARDED.items():
        for file, name, _, _ in each(templates, kind):
            is_held = any(
                {"Ref": name} in listed(properties[property_of]) and any(map(refuses_plain, statements(properties)))
                for other, _, _, properties in each(templates, policy) if other == file)
            if not is_held:
                yield file, name, "can be reached without TLS"


def refuses_plain(named):
    _, statement = named
    is_plain = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
    return statement["Effect"] == "Deny" and statement.get("Principal") == "*" and is_plain


def buckets_are_closed(templates):
    for file, name, _, properties in each(templates, "AWS::S3::Bucket"):
        blocks = properties.get("PublicAccessBlockConfiguration", {})
        if {block for block, value in blocks.items() if value is True} != PUBLIC_BLOCKS:
            yield file, name, "can be opened to the public"
        if {"ObjectOwnership": "BucketOwnerEnforced"} not in at(properties, ("OwnershipControls", "Rules")) or []:
            yield file, name, "knows ACLs"
        if at(properties, ("VersioningConfiguration", "Status")) != "Enabled":
            yield file, name, "forgets what is overwritten"


def buckets_forget_in_time(templates):
    for file, name, _, properties in each(templates, "AWS::S3::Bucket"):
        rules = [rule for rule in at(properties, ("LifecycleConfiguration", "Rules")) or [] if rule.get("Status") == "Enabled"]
        if not any("ExpirationInDays" in rule for rule in rules):
            yield file, name, "keeps everything for ever"
        if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
            yield file, name, "pays for uploads that never ended"
        classes = {move["StorageClass"] for rule in rules for move in rule.get("Transitions", [])}
        if name == "Archive" and "DEEP_ARCHIVE" not in classes:
            yield file, name, "stays in STANDARD: no transition to DEEP_ARCHIVE"


def logs_end(templates):
    for file, name, _, properties in each(templates, "AWS::Logs::LogGroup"):
        if not properties.get("RetentionInDays"):
            yield file, name, "is kept for ever"


def queues_wait_long(templates):
    for file, name, _, properties in each(templates, "AWS::SQS::Queue"):
        if properties.get("MessageRetentionPeriod") != FOURTEEN_DAYS_S:
            yield file, name, "forgets before fourteen days"
    properties = templates["queue.yaml"]["Resources"]["Queue"]["Properties"]
    if at(properties, ("RedrivePolicy", "maxReceiveCount")) != 100 or not at(properties, ("RedrivePolicy", "deadLetterTargetArn")):
        yield "queue.yaml", "Queue", "does not hand on what was delivered a hundred times"


def data_outlives_its_stack(templates):
    for file, template in templates.items():
        for name, resource in resources(template):
            if resource["Type"] in RETAINED and not resource.get("DeletionPolicy") == resource.get("UpdateReplacePolicy") == "Retain":
                yield file, name, "would be deleted with its stack"
    for file, name, _, properties in each(templates, "AWS::DynamoDB::Table"):
        if not at(properties, ("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")):
            yield file, name, "cannot be brought back to a minute of last month"
        if not properties.get("DeletionProtectionEnabled"):
            yield file, name, "can be deleted by one call"


def archive_costs_little(templates):
    """Each object costs a transition: few and large ones."""
    for file, name, _, properties in each(templates, "AWS::KinesisFirehose::DeliveryStream"):
        to = properties.get("ExtendedS3DestinationConfiguration", {})
        if to.get("CompressionFormat") != "GZIP":
            yield file, name, "does not compress"
        if to.get("BufferingHints") != {"SizeInMBs": 128, "IntervalInSeconds": 900}:
            yield file, name, "makes more objects than it has to"
        if not to.get("ErrorOutputPrefix"):
            yield file, name, "mixes what failed with what did not"


def the_trail_is_whole(templates):
    wanted = ("IsLogging", "IsMultiRegionTrail", "IncludeGlobalServiceEvents", "EnableLogFileValidation")
    for file, name, _, properties in each(templates, "AWS::CloudTrail::Trail"):
        for flag in wanted:
            if properties.get(flag) is not True:
                yield file, name, f"has no {flag}"
        data = [kind["Type"] for selector in properties.get("EventSelectors", []) for kind in selector.get("DataResources", [])]
        if "AWS::S3::Object" not in data:
            yield file, name, "does not say who read the archive"


RULES = [
    everything_is_sealed, tls_only, buckets_are_closed, buckets_forget_in_time, logs_end, queues_wait_long, data_outlives_its_stack,
    archive_costs_little, the_trail_is_whole,
]
