"""Reads CloudFormation templates: YAML with its short tags becomes the long form, and what refers to what can be asked."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = re.compile(r"\$\{([^!][^}]*)\}")
NESTED = "AWS::CloudFormation::Stack"


class Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: a date stays the text that it is."""


def short_tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", short_tag)
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(text):
    """The template, with `Fn::…` instead of short tags."""
    return yaml.load(text, Loader)


def resources(template, kind=None):
    """[(logical id, resource)], of one type or of all."""
    found = template.get("Resources", {}).items()
    return [(name, resource) for name, resource in found if kind is None or resource["Type"] == kind]


def replaced(node, names, text):
    """The same, where everything that refers to one of `names` is `text(name)`; a place in DependsOn goes away."""
    if isinstance(node, list):
        return [replaced(item, names, text) for item in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"Ref"} and node["Ref"] in names:
        return text(node["Ref"])
    if set(node) == {"Fn::GetAtt"} and node["Fn::GetAtt"][0] in names:
        return text(node["Fn::GetAtt"][0])
    if set(node) == {"Fn::Sub"}:
        return {"Fn::Sub": substituted(node["Fn::Sub"], names, text)}
    result = {}
    for key, value in node.items():
        if key == "DependsOn":
            value = [name for name in ([value] if isinstance(value, str) else value) if name not in names]
            if not value:
                continue
        result[key] = replaced(value, names, text)
    return result


def substituted(sub, names, text):
    if isinstance(sub, list):
        return [substituted(sub[0], names, text), replaced(sub[1], names, text)]
    known = lambda match: text(match[1].split(".")[0]) if match[1].split(".")[0] in names else match[0]
    return REFERENCE.sub(known, sub)


class Resolver:
    """Intrinsic functions, with the parameters and physical ids of a stack that is deployed."""

    def __init__(self, template, values):
        self.template, self.values = template, values

    def resolve(self, node):
        if isinstance(node, list):
            return [item for item in map(self.resolve, node) if item is not None]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, argument), = node.items()
            function = getattr(self, name.replace("Fn::", "fn_").lower(), None)
            if function and (name in ("Ref", "Condition") or name.startswith("Fn::")):
                return function(argument)
            if name.startswith("Fn::"):
                raise ValueError(f"{name} is not known here")
        pairs = ((key, self.resolve(value)) for key, value in node.items())
        return {key: value for key, value in pairs if value is not None}

    def ref(self, name):
        if name == "AWS::NoValue":
            return None
        if name not in self.values:
            raise ValueError(f"{name} is neither a parameter nor a resource of the stack")
        return self.values[name]

    def condition(self, name):
        return self.resolve(self.template["Conditions"][name])

    def fn_sub(self, argument):
        text, own = argument if isinstance(argument, list) else (argument, {})
        known = lambda match: str(self.resolve(own[match[1]]) if match[1] in own else self.ref(match[1]))
        return REFERENCE.sub(known, text)

    def fn_join(self, argument):
        return argument[0].join(map(str, self.resolve(argument[1])))

    def fn_select(self, argument):
        return self.resolve(argument[1])[int(argument[0])]

    def fn_split(self, argument):
        return self.resolve(argument[1]).split(argument[0])

    def fn_if(self, argument):
        return self.resolve(argument[1] if self.condition(argument[0]) else argument[2])

    def fn_equals(self, argument):
        return str(self.resolve(argument[0])) == str(self.resolve(argument[1]))

    def fn_not(self, argument):
        return not self.resolve(argument[0])

    def fn_and(self, argument):
        return all(self.resolve(argument))

    def fn_or(self, argument):
        return any(self.resolve(argument))
