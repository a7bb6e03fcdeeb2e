"""Holds openapi.yaml against what the service says of itself.

Usage: openapi_check.py openapi.yaml service.json CONTRACT_FOLDER

service.json has the routes, problems, enumerations, options and, for each type that travels, one value with all members and one
with as few as possible. Prints every difference and fails if there is one.
"""

import json
import pathlib
import re
import sys

import yaml
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

# What the programs tell each other through Redis, and no client sees.
INTERNAL = {
    "AutoscalerRecord", "FunctionRecord", "Replicas", "Bounds", "Reason", "Observation", "Change", "AutoscalerControl", "OfferedModels",
    "WorkerRecord", "SongBudget",
}
NAMES = {"ProblemDocument": "Problem"}
METHODS = {"get", "head", "post", "put", "patch", "delete"}

document = yaml.safe_load(pathlib.Path(sys.argv[1]).read_text())
service = json.loads(pathlib.Path(sys.argv[2]).read_text())
schemas = document["components"]["schemas"]
problems = []


def same(what, described, real):
    if described != real:
        problems.append(f"{what}: described are {described}, there are {real}")


def resolved(node):
    while "$ref" in node:
        target = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


validate(document)

same("version", document["info"]["version"], service["version"])
same(
    "routes",
    {path: sorted(m.upper() for m in item if m in METHODS) for path, item in document["paths"].items()},
    {path: sorted(methods) for path, methods in service["routes"].items()})

for name, (full, least) in service["values"].items():
    schema = schemas.get(name)
    if schema is None:
        problems.append(f"{name} travels and is not described")
        continue
    if name != "Problem":
        same(f"members of {name}", sorted(schema["properties"]), sorted(full))
    same(f"members that {name} always has", sorted(schema["required"]), sorted(least))
    checker = OAS31Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})
    for value in (full, least):
        problems += [f"{name}: {error.message}" for error in checker.iter_errors(value)]

for name, values in service["enumerations"].items():
    same(name, schemas[name]["enum"], values)
for name, value in service["defaults"].items():
    same(f"default of {name}", schemas[name].get("default"), value)

stem = document["paths"]["/fetch/{job}/{stem}"]["get"]["responses"]["200"]
same("types of a stem", sorted(stem["content"]), service["stemTypes"])

upload = document["paths"]["/upload"]["post"]
query = {resolved(p)["name"] for p in upload["parameters"]}
form = resolved(upload["requestBody"]["content"]["multipart/form-data"]["schema"])["properties"]
same("options in the query", sorted(query - {"presign", "multiple", "filename", "Idempotency-Key"}), service["options"])
same("options in a form", sorted(set(form) - {"file"}), service["options"])

kinds = [kind.removeprefix("urn:msaas:problem:") for kind in schemas["Problem"]["properties"]["type"]["enum"]]
same("problems", sorted(kinds), sorted(service["problems"]))
statuses = {
    int(status) for item in document["paths"].values() for method, operation in item.items() if method in METHODS
    for status in operation["responses"]
}
# 405 answers methods that are not described.
same("statuses of problems", [], sorted(set(service["problems"].values()) - statuses - {405}))

for file in sorted(pathlib.Path(sys.argv[3]).glob("*.swift")):
    for name in re.findall(r"struct (\w+):[^{]*\bCodable\b", file.read_text()):
        if name not in INTERNAL and NAMES.get(name, name) not in schemas:
            problems.append(f"{name} in {file.name} travels and is not described")

print("\n".join(problems) or f"{len(service['routes'])} paths and {len(service['values'])} types are as described")
sys.exit(1 if problems else 0)
