"""The contract's types without componentize-py: made out of `provider.wit`, in the shape that it gives them.

So these tests run on any Python, and a contract that changes changes them too. That the shape is right is shown by the
cassettes, which run the real component.
"""

from __future__ import annotations

import re
import sys
from dataclasses import make_dataclass
from keyword import iskeyword
from pathlib import Path
from types import ModuleType

_RECORD_OR_VARIANT = re.compile(r"\b(record|variant)\s+([\w-]+)\s*\{([^}]*)\}")
_FIELD = re.compile(r"([\w-]+)\s*:")
_CASE = re.compile(r"([\w-]+)\s*(\([^)]*\))?")


def install(wit: Path) -> None:
    """Puts `wit_world.imports.llm` where the mapping imports it from."""
    without_comments = re.sub(r"//.*", "", wit.read_text())
    llm = ModuleType("wit_world.imports.llm")
    for form, name, inside in _RECORD_OR_VARIANT.findall(_interface("llm", without_comments)):
        if form == "record":
            _add(llm, _camel(name), [field.replace("-", "_") for field in _FIELD.findall(inside)])
        else:
            for case, value in _CASE.findall(inside):
                _add(llm, f"{_camel(name)}_{_camel(case)}", ["value"] if value else [])
    imports = ModuleType("wit_world.imports")
    imports.llm = llm  # type: ignore[attr-defined]
    world = ModuleType("wit_world")
    world.imports = imports  # type: ignore[attr-defined]
    for module in (world, imports, llm):
        sys.modules[module.__name__] = module


def _interface(name: str, wit: str) -> str:
    start = wit.index(f"interface {name} {{")
    return wit[start : wit.index("\n}", start)]


def _add(module: ModuleType, name: str, fields: list[str]) -> None:
    setattr(module, name, make_dataclass(name, fields))


def _camel(name: str) -> str:
    camel = "".join(word.capitalize() for word in name.split("-"))
    return f"{camel}_" if iskeyword(camel) else camel
