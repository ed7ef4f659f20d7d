"""Writes JSON schemas of Kubernetes resources: crds.py PACKAGES SCHEMAS.

PACKAGES is the directory with the installed packages of testbed/crds.txt. Every
schema is a file by itself, and refuses keys that it doesn't know.
"""

import importlib
import json
import pathlib
import sys
import types
from typing import Generic, TypeVar

import pydantic

ISTIO = {
    "extensions.v1alpha1": ["WasmPlugin", "TrafficExtension"],
    "networking.v1alpha3": ["EnvoyFilter"],
    "networking.v1": ["DestinationRule", "ServiceEntry", "VirtualService"],
    "security.v1": ["AuthorizationPolicy", "PeerAuthentication"],
    "telemetry.v1": ["Telemetry"],
}
KUBERNETES = {
    "configmap-v1": ("v1", "ConfigMap"),
    "deployment-apps-v1": ("apps/v1", "Deployment"),
    "service-v1": ("v1", "Service"),
}
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class Strict(pydantic.BaseModel):
    """The base of all models. Theirs lets unknown keys pass; the API server doesn't."""

    model_config = pydantic.ConfigDict(extra="forbid")


class ObjectMeta(Strict):
    """In the place of that of Kubernetes, with the names that the models use."""

    class Builder:
        pass

    class BuilderContext:
        pass


def stand_in_for_cloudcoil(packages):
    """The models import a library of the same makers, of which a schema needs
    little: its builders never run, so empty classes are enough."""
    one, two = TypeVar("one"), TypeVar("two")
    single = types.new_class("Single", (Generic[one],))
    double = types.new_class("Double", (Generic[one, two],))
    builders = ["BaseBuilder", "BaseModelBuilder", "BuilderContextBase", "ListBuilderContext"]
    stands = {
        "cloudcoil": {},
        "cloudcoil.models": {},
        # As a package without its own __init__, which wants a newer Python.
        "cloudcoil.models.istio": {"__path__": [str(packages / "cloudcoil/models/istio")]},
        "cloudcoil.apimachinery": {"ObjectMeta": ObjectMeta},
        "cloudcoil.resources": {"Resource": Strict},
        "cloudcoil.pydantic": {
            "BaseModel": Strict,
            "GenericListBuilder": double,
            "Never": None,
            "Self": None,
            "UNSET": None,
            **{name: single for name in builders},
        },
    }
    for name, members in stands.items():
        module = types.ModuleType(name)
        module.__dict__.update(members)
        sys.modules[name] = module


def istio(packages):
    """Yields Istio's schemas, each with its apiVersion and kind."""
    stand_in_for_cloudcoil(packages)
    for group, kinds in ISTIO.items():
        module = importlib.import_module(f"cloudcoil.models.istio.{group}")
        for kind in kinds:
            schema = getattr(module, kind).model_json_schema()
            del schema["$defs"]["ObjectMeta"]
            schema["properties"]["metadata"] = {"$ref": f"#/$defs/{META}"}
            yield schema["properties"]["apiVersion"]["const"], kind, schema


def kubernetes(directory):
    """Yields the schemas of Kubernetes itself, each with its apiVersion and kind."""
    for stem, (version, kind) in KUBERNETES.items():
        yield version, kind, json.loads((directory / f"{stem}.json").read_text())


def references(value):
    """Yields every object in `value` that refers to a definition of Kubernetes."""
    if isinstance(value, dict):
        if "#/$defs/io.k8s." in str(value.get("$ref", "")):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def bundle(schema, definitions):
    """Takes all definitions that `schema` refers to, and those that they refer to, into it."""
    own = schema.setdefault("$defs", {})
    waiting = [schema]
    while waiting:
        for reference in references(waiting.pop()):
            name = reference["$ref"].rsplit("/", 1)[1]
            reference["$ref"] = f"#/$defs/{name}"
            if name not in own:
                own[name] = json.loads(json.dumps(definitions[name]))
                waiting.append(own[name])


def main():
    packages, schemas = (pathlib.Path(argument) for argument in sys.argv[1:])
    [pinned] = packages.glob("kubernetes_validate-*.dist-info")
    version = pinned.name.removeprefix("kubernetes_validate-").removesuffix(".dist-info")
    directory = packages / f"kubernetes_validate/kubernetes-json-schema/v{version}-local-strict"
    definitions = json.loads((directory / "_definitions.json").read_text())["$defs"]
    for version, kind, schema in [*istio(packages), *kubernetes(directory)]:
        schema.pop("$schema", None)
        # A ConfigMap has no spec.
        own = [key for key in ["spec"] if key in schema["properties"]]
        schema["required"] = ["apiVersion", "kind", "metadata", *own]
        bundle(schema, definitions)
        name = f"{version.replace('/', '_')}.{kind}.json"
        (schemas / name).write_text(json.dumps(schema))


main()
