"""Rules of how the parts fit: nested stacks, network, tasks, who is told. A rule yields (template, logical id, what is wrong)."""

import json
import re

from kept import at, each
from template import NESTED, ROOT, resources

ANYWHERE = ["0.0.0.0/0", "::/0"]
EPHEMERAL = {"From": 32768, "To": 65535}
BUDGET = {("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)}
DYNAMO = ROOT / "backend/src/platform/leases/dynamo.rs"
METRICS = ROOT / "wire/src/metric.rs"


def references(node, kind):
    if isinstance(node, list):
        for item in node:
            yield from references(item, kind)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == kind:
                yield value
            yield from references(value, kind)


def nested_stacks_fit(templates):
    """What is handed down is what the nested template asks for, and what is asked of it is what it tells."""
    for file, name, _, properties in each(templates, NESTED):
        child = templates.get(properties["TemplateURL"])
        if child is None:
            yield file, name, f"nests {properties['TemplateURL']}, which is not there"
            continue
        given, asked = set(properties.get("Parameters", {})), child.get("Parameters", {})
        for extra in sorted(given - asked.keys()):
            yield file, name, f"hands down {extra}, which {properties['TemplateURL']} does not know"
        for missing in sorted(asked.keys() - given):
            yield file, name, f"does not hand down {missing}"
    for file, template in templates.items():
        for name, resource in resources(template):
            for target, attribute in references(resource, "Fn::GetAtt"):
                nested = template["Resources"].get(target, {})
                if nested.get("Type") == NESTED and attribute.removeprefix("Outputs.") not in outputs(templates, nested):
                    yield file, name, f"asks {target} for {attribute}, which it does not tell"


def outputs(templates, nested):
    return templates.get(nested["Properties"]["TemplateURL"], {}).get("Outputs", {})


def nobody_is_let_in(templates):
    for file, name, _, properties in each(templates, "AWS::EC2::SecurityGroup"):
        for rule in properties.get("SecurityGroupIngress", []):
            if rule.get("CidrIp") in ANYWHERE or rule.get("CidrIpv6") in ANYWHERE:
                yield file, name, "lets everybody in"
        for rule in properties.get("SecurityGroupEgress", []):
            if rule.get("CidrIp") in ANYWHERE or rule.get("IpProtocol") in (-1, "-1"):
                yield file, name, "lets tasks reach everything"
    for file, name, _, properties in each(templates, "AWS::EC2::SecurityGroupIngress"):
        if properties.get("CidrIp") in ANYWHERE:
            yield file, name, "lets everybody in"
    for file, name, _, properties in each(templates, "AWS::EC2::NetworkAclEntry"):
        is_in = properties["RuleAction"] == "allow" and not properties.get("Egress") and properties.get("CidrBlock") in ANYWHERE
        if is_in and properties.get("PortRange") != EPHEMERAL:
            yield file, name, "lets everybody into the private subnets"
    pattern = templates["root.yaml"]["Parameters"]["OperatorsCidr"].get("AllowedPattern", ".*")
    if re.fullmatch(pattern, "0.0.0.0/0"):
        yield "root.yaml", "OperatorsCidr", "may be everybody"


def tasks_are_locked_in(templates):
    for file, name, _, properties in each(templates, "AWS::ECS::TaskDefinition"):
        for container in properties["ContainerDefinitions"]:
            if container.get("ReadonlyRootFilesystem") is not True:
                yield file, name, "can write its own root"
            if str(container.get("User", "0")).split(":")[0] in ("0", "root"):
                yield file, name, "runs as root"
            if container.get("Privileged") or not container.get("LogConfiguration"):
                yield file, name, "is privileged, or mute"
            secrets = [entry for entry in container.get("Environment", []) if re.search("SECRET|PASSWORD|TOKEN", str(entry.get("Name")))]
            if secrets:
                yield file, name, "has a secret in its environment"
    for file, name, _, properties in each(templates, "AWS::ECS::Service"):
        if at(properties, ("DeploymentConfiguration", "DeploymentCircuitBreaker")) != {"Enable": True, "Rollback": True}:
            yield file, name, "does not take back a deployment that fails"
        if at(properties, ("NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp")) != "DISABLED":
            yield file, name, "has public addresses"


def tls_and_a_firewall_stand_before_the_backend(templates):
    for file, name, _, properties in each(templates, "AWS::ElasticLoadBalancingV2::Listener"):
        if properties.get("Protocol") != "HTTPS" or "TLS13-1-2" not in properties.get("SslPolicy", ""):
            yield file, name, "speaks less than TLS 1.2"
    for file, name, _, _ in each(templates, "AWS::ElasticLoadBalancingV2::LoadBalancer"):
        guarded = [properties["ResourceArn"] for _, _, _, properties in each(templates, "AWS::WAFv2::WebACLAssociation")]
        if {"Ref": name} not in guarded:
            yield file, name, "has no firewall"
    for file, name, _, properties in each(templates, "AWS::WAFv2::WebACL"):
        if not any("RateBasedStatement" in rule["Statement"] for rule in properties["Rules"]):
            yield file, name, "has no limit of requests"


def scaling_follows_the_cpu(templates):
    policies = [properties for _, _, _, properties in each(templates, "AWS::ApplicationAutoScaling::ScalingPolicy")]
    targets = [at(policy, ("TargetTrackingScalingPolicyConfiguration", "TargetValue")) for policy in policies]
    steps = [step for policy in policies for step in at(policy, ("StepScalingPolicyConfiguration", "StepAdjustments")) or []]
    if 70 not in targets or not any(step["ScalingAdjustment"] == 10 for step in steps):
        yield "service.yaml", "Scale", "does not hold 70 % of the CPU, or has no step of a tenth"


def the_notifier_loses_nothing(templates):
    for file, name, _, properties in each(templates, "AWS::Lambda::Function"):
        if not at(properties, ("DeadLetterConfig", "TargetArn")):
            yield file, name, "loses what it cannot tell"
        if not properties.get("ReservedConcurrentExecutions"):
            yield file, name, "can be called without end"
        if (properties.get("Runtime"), properties.get("Architectures")) != ("provided.al2023", ["arm64"]):
            yield file, name, "is not what backend/notifier is built for"
    heard = {topic for _, _, _, properties in each(templates, "AWS::SNS::Subscription") if properties["Protocol"] == "lambda"
             for topic in references(properties["TopicArn"], "Ref")}
    for topic in sorted({"PageTopic", "TicketTopic"} - heard):
        yield "notifier.yaml", "Function", f"does not hear {topic}"


def money_is_watched(templates):
    for file, name, _, properties in each(templates, "AWS::Budgets::Budget"):
        told = {(note["Notification"]["NotificationType"], note["Notification"]["Threshold"])
                for note in properties["NotificationsWithSubscribers"] if note["Subscribers"]}
        for kind, percent in sorted(BUDGET - told):
            yield file, name, f"does not say {kind} {percent} %"
    if not any(properties.get("Namespace") == "AWS/Billing" for _, _, _, properties in each(templates, "AWS::CloudWatch::Alarm")):
        yield "billing.yaml", "Bill", "no alarm looks at the bill"


def the_lease_table_is_the_backends(templates):
    """The backend makes the same table when it finds none: its key stands in its source."""
    key = re.search(r'attribute_name\("(\w+)"\)\.key_type\(KeyType::Hash\)', DYNAMO.read_text())[1]
    for file, name, _, properties in each(templates, "AWS::DynamoDB::Table"):
        if properties["KeySchema"] != [{"AttributeName": key, "KeyType": "HASH"}] or properties["BillingMode"] != "PAY_PER_REQUEST":
            yield file, name, "is another table than the backend makes"


def streams_stay_within_what_kinesis_knows(templates):
    for file, name, _, properties in each(templates, "AWS::Kinesis::Stream"):
        if properties.get("RetentionPeriodHours") != {"Ref": "RetentionHours"}:
            yield file, name, "keeps records for a time that nobody chose"
    for file in ("root.yaml", "portal.yaml"):
        hours = templates[file]["Parameters"]["RetentionHours"]
        if (hours.get("MinValue"), hours.get("MaxValue")) != (24, 8760):
            yield file, "RetentionHours", "admits what Kinesis does not: 24 to 8760 hours"


def every_metric_that_is_shown_is_sent(templates):
    """Against the list in wire/src/metric.rs: a graph of a name that nobody sends is empty for ever, an alarm silent."""
    sent = set(re.findall(r'"([A-Z][A-Za-z]+)"', METRICS.read_text())) if METRICS.exists() else None
    body = json.dumps(templates["dashboard.yaml"])
    shown = {("dashboard.yaml", "Dashboard", name) for name in re.findall(r'\{Pulso,[^}]*\} MetricName=\\+"(\w+)', body)}
    for file, name, _, properties in each(templates, "AWS::CloudWatch::Alarm"):
        if properties.get("Namespace") == "Pulso":
            shown.add((file, name, properties["MetricName"]))
    for file, name, metric in sorted(shown) if sent else []:
        if metric not in sent:
            yield file, name, f"looks at {metric}, which nobody sends"


RULES = [
    nested_stacks_fit, nobody_is_let_in, tasks_are_locked_in, tls_and_a_firewall_stand_before_the_backend, scaling_follows_the_cpu,
    the_notifier_loses_nothing, money_is_watched, the_lease_table_is_the_backends, streams_stay_within_what_kinesis_knows,
    every_metric_that_is_shown_is_sent,
]
