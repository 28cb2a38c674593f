#!/usr/bin/env python3
"""Checks dashboards against Grafana's published schema: the package grafana-foundation-sdk, whose classes are generated from it.

Usage: target/venv/bin/python dashboards/check.py FILE...    exit 1 and one line for each problem

The package reads any JSON and forgets what it does not know, so this compares: each value must have the type that the schema declares for it, and what the
package writes again must be what it read (a key that is not in the schema gets lost on that way).
"""

import enum
import json
import sys
import types
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import panelcfg_config
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

UNITS = {value for value in vars(units).values() if isinstance(value, str)}


def plain(value):
    """What the package makes of an object, as JSON."""
    return json.loads(JSONEncoder().encode(value))


def allows(hint, value):
    """Whether a value read from JSON fits a declared type. Enumerations are read as the plain string or number."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any or hint is object:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(allows(one, value) for one in inside)
    if origin is typing.Literal:
        return value in inside
    if origin is list:
        return isinstance(value, list) and all(allows(inside[0], one) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(allows(inside[1], one) for one in value.values())
    if hint is type(None):
        return value is None
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return isinstance(value, hint) or value in [member.value for member in hint]
    if isinstance(value, dict) and hasattr(hint, "from_json"):
        # The package leaves the objects of some lists as it found them.
        return not any(problems_of(hint, value, ""))
    return not isinstance(hint, type) or isinstance(value, hint)


def ill_typed(thing, where):
    """Attributes of the package's objects, all the way down, that are not of their declared type."""
    if isinstance(thing, list):
        for index, one in enumerate(thing):
            yield from ill_typed(one, f"{where}[{index}]")
    elif isinstance(thing, dict):
        for key, one in thing.items():
            yield from ill_typed(one, f"{where}.{key}")
    elif type(thing).__module__.startswith("grafana_foundation_sdk.models") and not isinstance(thing, enum.Enum):
        hints = typing.get_type_hints(type(thing))
        for name, value in vars(thing).items():
            if name in hints and not allows(hints[name], value):
                yield f"{where}.{name}: {value!r} is not {hints[name]}"
            yield from ill_typed(value, f"{where}.{name}")


def lost(read, written, where):
    """What was read and is not written again."""
    if isinstance(read, dict) and isinstance(written, dict):
        for key, value in read.items():
            if key in written:
                yield from lost(value, written[key], f"{where}.{key}")
            # A value that is absent and one that is null are the same to Grafana.
            elif value is not None:
                yield f"{where}.{key}: not in the schema"
    elif isinstance(read, list) and isinstance(written, list) and len(read) == len(written):
        for index, pair in enumerate(zip(read, written)):
            yield from lost(*pair, f"{where}[{index}]")
    elif read != written:
        yield f"{where}: {read!r} becomes {written!r}"


def problems_of(kind, read, where):
    """All of an object that should be of this class."""
    try:
        thing = kind.from_json(read)
        written = plain(thing)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        yield f"{where}: cannot be read: {type(error).__name__}: {error}"
        return
    yield from ill_typed(thing, where)
    yield from lost(read, written, where)


def problems(text):
    """All of one dashboard's."""
    try:
        read = json.loads(text)
    except ValueError as error:
        yield f"not JSON: {error}"
        return
    current = Dashboard().schema_version
    if read.get("schemaVersion") != current:
        yield f"schemaVersion: {read.get('schemaVersion')!r} is not the current {current}"
    yield from problems_of(Dashboard, read, "")
    for index, panel in enumerate(read.get("panels", [])):
        kind = panel.get("type")
        if kind == "row":
            continue
        if panelcfg_config(kind) is None:
            yield f".panels[{index}].type: {kind!r} is no panel of Grafana"
        unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit")
        if unit not in UNITS:
            yield f".panels[{index}].fieldConfig.defaults.unit: {unit!r} is no unit of Grafana"


def main(paths):
    register_default_plugins()
    found = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for problem in problems(file.read()):
                found += 1
                print(f"{path}: {problem}")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
