"""Mistakes to plant into the templates, one at a time, in memory: each of them somebody has made somewhere."""

import copy
from dataclasses import dataclass
from typing import Callable

from template import resources


@dataclass
class Mutant:
    """A mistake in one resource."""

    what: str
    file: str
    name: str
    plant: Callable[[dict], None]


def mutated(templates, mutant):
    """The templates with the mistake in them; a mistake that changes nothing is one of ours."""
    changed = dict(templates)
    changed[mutant.file] = copy.deepcopy(templates[mutant.file])
    mutant.plant(dict(resources(changed[mutant.file]))[mutant.name])
    if changed[mutant.file] == templates[mutant.file]:
        raise SystemExit(f"planting changed nothing: {mutant.what}")
    return changed


def at(*path, to=None):
    """Sets a property below Properties, or takes it away."""

    def plant(resource):
        node = resource["Properties"]
        for key in path[:-1]:
            node = node[key]
        if to is None:
            del node[path[-1]]
        else:
            node[path[-1]] = to

    return plant


def statement(sid, key="PolicyDocument", **changes):
    """Changes a statement of the resource's policy; a value of None takes it away."""

    def plant(resource):
        found = [entry for entry in resource["Properties"][key]["Statement"] if entry.get("Sid") == sid]
        for name, value in changes.items():
            found[0].pop(name) if value is None else found[0].update({name: value})

    return plant


def without_statement(sid, key="PolicyDocument"):
    def plant(resource):
        document = resource["Properties"][key]
        document["Statement"] = [entry for entry in document["Statement"] if entry.get("Sid") != sid]

    return plant


def outside(name, value=None):
    """Takes away or changes what stands beside Properties."""
    return lambda resource: resource.pop(name) if value is None else resource.update({name: value})


def renamed(old, new):
    def plant(resource):
        resource["Properties"][new] = resource["Properties"].pop(old)

    return plant


def balancer_without(attribute):
    def plant(resource):
        attributes = resource["Properties"]["LoadBalancerAttributes"]
        attributes[:] = [entry for entry in attributes if entry["Key"] != attribute]

    return plant


ANYBODY = [{"Description": "All", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}]
CLOUDWATCH_LEFT_OUT = {"Service": ["budgets.amazonaws.com"]}

MUTANTS = [
    Mutant("the worker may do everything with Kinesis", "policies.yaml", "WorkerMay", statement("PutEvents", Action="kinesis:*")),
    Mutant("the worker may put records anywhere", "policies.yaml", "WorkerMay", statement("PutEvents", Resource="*")),
    Mutant("the worker may put metrics of any namespace", "policies.yaml", "WorkerMay", statement("Measure", Condition=None)),
    Mutant("the worker has no kms:GenerateDataKey", "policies.yaml", "WorkerMay", without_statement("Encrypt")),
    Mutant("the streams' key does not let the worker write", "keys.yaml", "StreamsKey",
           statement("Produce", "KeyPolicy", Principal={"AWS": [{"Ref": "BackendRoleArn"}]})),
    Mutant("the streams' key does not let consumers read", "keys.yaml", "StreamsKey", without_statement("Consume", "KeyPolicy")),
    Mutant("the topics' key does not admit cloudwatch", "keys.yaml", "TopicsKey",
           statement("Produce", "KeyPolicy", Principal=CLOUDWATCH_LEFT_OUT)),
    Mutant("the topics' key wants of EventBridge what it does not say", "keys.yaml", "TopicsKey",
           statement("ProduceEvents", "KeyPolicy", Condition={"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}})),
    Mutant("the streams' key can be used from anywhere", "keys.yaml", "StreamsKey", statement("Consume", "KeyPolicy", Condition=None)),
    Mutant("a key is never changed", "keys.yaml", "ArchiveKey", at("EnableKeyRotation", to=False)),
    Mutant("a key is deleted with its stack", "keys.yaml", "StateKey", outside("DeletionPolicy")),
    Mutant("a stream is not sealed", "portal.yaml", "Events", at("StreamEncryption")),
    Mutant("a stream is deleted with its stack", "portal.yaml", "Events", outside("DeletionPolicy", "Delete")),
    Mutant("records are kept for as long as Kinesis likes", "portal.yaml", "Interactions", at("RetentionPeriodHours")),
    Mutant("Firehose does not compress", "portal.yaml", "ToArchive",
           at("ExtendedS3DestinationConfiguration", "CompressionFormat", to="UNCOMPRESSED")),
    Mutant("Firehose makes an object a minute", "portal.yaml", "ToArchive",
           at("ExtendedS3DestinationConfiguration", "BufferingHints", "IntervalInSeconds", to=60)),
    Mutant("the archive has no lifecycle", "archive.yaml", "Archive", at("LifecycleConfiguration")),
    Mutant("the archive stays in STANDARD", "archive.yaml", "Archive", at("LifecycleConfiguration", "Rules", 0, "Transitions")),
    Mutant("the archive can be opened to the public", "archive.yaml", "Archive",
           at("PublicAccessBlockConfiguration", "RestrictPublicBuckets", to=False)),
    Mutant("the archive's policy admits everybody", "archive.yaml", "ArchivePolicy", statement("OurKeyOnly", Effect="Allow", Condition=None)),
    Mutant("the archive can be read without TLS", "archive.yaml", "ArchivePolicy", without_statement("TlsOnly")),
    Mutant("the retry queue can be reached without TLS", "queue.yaml", "QueuePolicy", without_statement("TlsOnly")),
    Mutant("a topic can be reached without TLS", "topics.yaml", "PageTopicPolicy", without_statement("TlsOnly")),
    Mutant("a topic is not sealed", "topics.yaml", "PeopleTopic", at("KmsMasterKeyId")),
    Mutant("the dead-letter queue forgets after four days", "queue.yaml", "DeadQueue", at("MessageRetentionPeriod")),
    Mutant("the retry queue gives up after three deliveries", "queue.yaml", "Queue", at("RedrivePolicy", "maxReceiveCount", to=3)),
    Mutant("a log group is kept for ever", "logs.yaml", "EdgeLog", at("RetentionInDays")),
    Mutant("the lease table has another key than the backend's", "leases.yaml", "Leases", at("KeySchema", 0, "AttributeName", to="id")),
    Mutant("the lease table cannot be brought back", "leases.yaml", "Leases", at("PointInTimeRecoverySpecification")),
    Mutant("operators need no second factor", "identities.yaml", "OperatorRole",
           at("AssumeRolePolicyDocument", "Statement", 0, "Condition", "Bool")),
    Mutant("the operators' group needs no second factor", "people.yaml", "OperatorsMay", statement("Become", Condition=None)),
    Mutant("everybody reaches the balancer", "network.yaml", "BalancerGroup", at("SecurityGroupIngress", to=ANYBODY)),
    Mutant("everybody reaches the private subnets", "network.yaml", "InFromBalancer", at("CidrBlock", to="0.0.0.0/0")),
    Mutant("tasks reach the whole internet", "network.yaml", "BackendGroup", at("SecurityGroupEgress", 0, "CidrIp", to="0.0.0.0/0")),
    Mutant("the backend runs as root", "service.yaml", "Task", at("ContainerDefinitions", 0, "User")),
    Mutant("a deployment that fails stays", "service.yaml", "Service", at("DeploymentConfiguration", "DeploymentCircuitBreaker", "Rollback", to=False)),
    Mutant("the balancer speaks TLS 1.0", "balancer.yaml", "Https", at("SslPolicy", to="ELBSecurityPolicy-2016-08")),
    Mutant("no firewall before the balancer", "balancer.yaml", "FirewallBeforeBalancer", at("ResourceArn", to="arn:aws:x")),
    Mutant("the notifier does not hear pages", "notifier.yaml", "HearPages", at("TopicArn", to="arn:aws:x")),
    Mutant("the notifier loses what it cannot tell", "notifier.yaml", "Function", at("DeadLetterConfig")),
    Mutant("nobody is told at 80 % of the budget", "budget.yaml", "Budget", at("NotificationsWithSubscribers", 1, "Notification", "Threshold", to=85)),
    Mutant("the trail can be changed unseen", "trail.yaml", "Trail", at("EnableLogFileValidation", to=False)),
    Mutant("a nested stack is not handed its key", "root.yaml", "Leases", at("Parameters", "StateKeyArn")),
    Mutant("a nested stack is asked for what it does not tell", "root.yaml", "Leases",
           at("Parameters", "StateKeyArn", to={"Fn::GetAtt": ["Keys", "Outputs.StatesKeyArn"]})),
    # What only the linters know.
    Mutant("a property is misspelt", "portal.yaml", "Events", renamed("StreamModeDetails", "StreamModeDetail")),
    Mutant("a size that Fargate does not have", "redrive.yaml", "Task", at("Memory", to=100)),
    Mutant("the balancer passes on broken headers", "balancer.yaml", "Balancer", balancer_without("routing.http.drop_invalid_header_fields.enabled")),
]
