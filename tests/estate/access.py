"""Rules of who may do what: policies, keys, second factors. A rule yields (template, logical id, what is wrong)."""

import json
import re

from template import resources

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: characters of a managed policy, without white space.
POLICY_CHARS_MAX = 6_144
# The longest names of what stands for account, region and partition.
PSEUDO = {"${AWS::Partition}": "aws", "${AWS::Region}": "ap-southeast-1", "${AWS::AccountId}": "0" * 12}
SERVICES_THAT_ALARM = {"cloudwatch.amazonaws.com", "events.amazonaws.com", "budgets.amazonaws.com"}
DOCUMENTS = {"PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument"}
# Who writes and who reads what a key seals, by the names of the parameters that bring them to keys.yaml.
PRODUCERS = {"StreamsKey": {"WorkerUserArn", "RedriveRoleArn", "BackendRoleArn"}, "QueuesKey": {"WorkerUserArn", "NotifierRoleArn"},
             "ArchiveKey": {"FirehoseRoleArn"}, "TopicsKey": {"NotifierRoleArn"}}
CONSUMERS = {"StreamsKey": {"BackendRoleArn", "FirehoseRoleArn"}, "QueuesKey": {"RedriveRoleArn"}, "ArchiveKey": {"OperatorRoleArn"}}
# What an identity needs of keys, beside the keys' own policies.
KEYS_OF = {"WorkerMay": {("kms:GenerateDataKey", "StreamsKeyArn")}, "FirehoseMay": {("kms:Decrypt", "StreamsKeyArn"),
           ("kms:GenerateDataKey", "ArchiveKeyArn")}, "RedriveMay": {("kms:GenerateDataKey", "StreamsKeyArn"), ("kms:Decrypt", "QueuesKeyArn")},
           "BackendMay": {("kms:Decrypt", "StreamsKeyArn"), ("kms:GenerateDataKey", "StreamsKeyArn")},
           "NotifierMay": {("kms:GenerateDataKey", "TopicsKeyArn")}}


def listed(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def statements(node):
    """Every statement below, those behind a condition too, with the name of the document that has it."""
    if isinstance(node, list):
        for item in node:
            yield from statements(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in DOCUMENTS and "Statement" in value:
                for statement in listed(value["Statement"]):
                    branches = statement["Fn::If"][1:] if "Fn::If" in statement else [statement]
                    yield from ((key, branch) for branch in branches if "Effect" in branch)
            else:
                yield from statements(value)


def allowed(templates):
    for file, template in templates.items():
        for name, resource in resources(template):
            for document, statement in statements(resource.get("Properties", {})):
                if statement["Effect"] == "Allow":
                    yield file, name, resource, document, statement


def actions(statement):
    return set(listed(statement.get("Action")))


def principals(statement, kind="AWS"):
    named = statement.get("Principal", {})
    if not isinstance(named, dict):
        return {named}
    return {who["Ref"] if isinstance(who, dict) and "Ref" in who else json.dumps(who) if isinstance(who, dict) else who
            for who in listed(named.get(kind))}


def excuse(resource, what):
    return resource.get("Metadata", {}).get("pulso", {}).get(what)


def no_wildcard_action(templates):
    for file, name, _, _, statement in allowed(templates):
        for action in actions(statement) - {None}:
            if "*" in action:
                yield file, name, f"allows {action}: name the actions"
        if {"NotAction", "NotResource", "NotPrincipal"} & statement.keys():
            yield file, name, "allows everything but something"


def no_resource_star(templates):
    for file, name, resource, document, statement in allowed(templates):
        reasons = excuse(resource, "resource-star") or {}
        if "*" in listed(statement.get("Resource")) and document != "KeyPolicy" and not reasons.get(statement.get("Sid")):
            yield file, name, f'{statement.get("Sid")} allows on Resource "*" without a reason in Metadata'


def no_open_principal(templates):
    for file, name, resource, _, statement in allowed(templates):
        if "*" in principals(statement) and not excuse(resource, "any-principal"):
            yield file, name, "admits everybody"


def metrics_in_our_namespace(templates):
    for file, name, _, document, statement in allowed(templates):
        held = statement.get("Condition", {}).get("StringEquals", {}).get("cloudwatch:namespace")
        if "cloudwatch:PutMetricData" in actions(statement) and held != "Pulso" and "Principal" not in statement:
            yield file, name, "may put metrics of other namespaces"


def people_have_a_second_factor(templates):
    for file, name, _, document, statement in allowed(templates):
        is_people = document == "AssumeRolePolicyDocument" and "AWS" in statement.get("Principal", {})
        becomes = document == "PolicyDocument" and "sts:AssumeRole" in actions(statement)
        makes_keys = "iam:CreateAccessKey" in actions(statement)
        if (is_people or becomes or makes_keys) and statement.get("Condition", {}).get("Bool", {}).get("aws:MultiFactorAuthPresent") != "true":
            yield file, name, "can be used by people without a second factor"


def keys_turn_and_stay(templates):
    for file, template in templates.items():
        for name, resource in resources(template, "AWS::KMS::Key"):
            if resource["Properties"].get("EnableKeyRotation") is not True:
                yield file, name, "is not changed every year"
            if resource["Properties"].get("PendingWindowInDays") != 30:
                yield file, name, "can be gone in less than thirty days"


def key_grants(templates, key, action):
    found = set()
    for _, name, _, document, statement in allowed({"keys.yaml": templates["keys.yaml"]}):
        if name == key and document == "KeyPolicy" and action in actions(statement) and not statement["Sid"] == "Deploy":
            found |= principals(statement)
    return found


def producers_seal_and_consumers_open(templates):
    for wanted, action, word in ((PRODUCERS, "kms:GenerateDataKey", "write"), (CONSUMERS, "kms:Decrypt", "read")):
        for key, who in wanted.items():
            for missing in sorted(who - key_grants(templates, key, action)):
                yield "keys.yaml", key, f"does not let {missing} {word}: {action} is missing"
    own = {}
    for _, name, _, _, statement in allowed({"policies.yaml": templates["policies.yaml"]}):
        for resource in listed(statement.get("Resource")):
            if isinstance(resource, dict) and "Ref" in resource:
                own.setdefault(name, set()).update((action, resource["Ref"]) for action in actions(statement))
    for name, wanted in KEYS_OF.items():
        for action, key in sorted(wanted - own.get(name, set())):
            yield "policies.yaml", name, f"lacks {action} on {key}"


def keys_open_only_for_somebody(templates):
    """The account itself administers a key; whoever uses it is named, or comes through a service. EventBridge alone takes no condition
    (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html): with one it would be refused without a word."""
    for file, name, _, document, statement in allowed(templates):
        uses = {"kms:Decrypt", "kms:GenerateDataKey"} & actions(statement)
        is_events = statement.get("Principal") == {"Service": "events.amazonaws.com"}
        if document == "KeyPolicy" and uses and bool(statement.get("Condition")) == is_events:
            yield file, name, f"{statement['Sid']}: " + ("EventBridge takes no condition" if is_events else "a condition is missing")


def topic_keys_admit_the_services(templates):
    """An alarm whose topic is sealed with a key that CloudWatch may not use fires, and nobody hears of it."""
    for file, key, wanted in (("keys.yaml", "TopicsKey", SERVICES_THAT_ALARM), ("billing.yaml", "Key", {"cloudwatch.amazonaws.com"})):
        admitted = set()
        for _, name, _, document, statement in allowed({file: templates[file]}):
            if name == key and {"kms:GenerateDataKey", "kms:Decrypt"} <= actions(statement):
                admitted |= principals(statement, "Service")
        for missing in sorted(wanted - admitted):
            yield file, key, f"does not admit {missing}"


def policies_fit(templates):
    for file, template in templates.items():
        for name, resource in resources(template, "AWS::IAM::ManagedPolicy"):
            text = json.dumps(resource["Properties"]["PolicyDocument"])
            for short, long in PSEUDO.items():
                text = text.replace(short, long)
            # A reference to a key becomes its ARN, which has about eighty characters.
            text = re.sub(r'\{"Ref": "[^"]*"\}', "k" * 80, text).replace('{"Fn::Sub": ', "")
            if len(re.sub(r"\s", "", text)) > POLICY_CHARS_MAX:
                yield file, name, f"has more than {POLICY_CHARS_MAX} characters: divide the portals over two policies"


RULES = [
    no_wildcard_action, no_resource_star, no_open_principal, metrics_in_our_namespace, people_have_a_second_factor, keys_turn_and_stay,
    producers_seal_and_consumers_open, keys_open_only_for_somebody, topic_keys_admit_the_services, policies_fit,
]
