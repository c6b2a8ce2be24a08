"""The provider while its author works on it: the component is made once, and what is saved afterwards comes with the operator's
settings. So a change costs no build. What is published is built from the sources alone, without this module."""

from __future__ import annotations

import json
import sys
import traceback
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import provider
from componentize_py_types import Err
from provider import Deltas
from wit_world import exports
from wit_world.imports import config, llm

__all__ = ["Chat", "Deltas"]

SETTING = "arete-dev"
ROOT = Path(provider.__file__).parent


def name_of(path: str) -> str:
    """The module that a file holds."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def compiled(path: str, text: str) -> CodeType:
    return compile(text, f"src/{path}", "exec")


FILES = {str(file.relative_to(ROOT).as_posix()): file.read_text("utf-8") for file in sorted(ROOT.rglob("*.py"))}
CODE = {path: compiled(path, text) for path, text in FILES.items()}


class Saved(MetaPathFinder, Loader):
    """Finds the project's modules as they were saved last."""

    def __init__(self, changes: dict[str, str | None]) -> None:
        changed = {path: compiled(path, text) for path, text in changes.items() if text is not None}
        code = {path: code for path, code in {**CODE, **changed}.items() if changes.get(path, "") is not None}
        self.modules = {name_of(path): (path, code) for path, code in code.items()}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        found = self.modules.get(name)
        if found is None:
            return None
        return ModuleSpec(name, self, origin=f"src/{found[0]}", is_package=found[0].endswith("__init__.py"))

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.modules[module.__name__][1], module.__dict__)


_loaded: tuple[str | None, ModuleType] = (None, provider)


def current() -> ModuleType:
    """The provider as it was saved last."""
    global _loaded
    text = config.get(SETTING)
    if text == _loaded[0]:
        return _loaded[1]
    try:
        finder = Saved(json.loads(text or "{}"))
        for name in [*map(name_of, FILES), *finder.modules]:
            sys.modules.pop(name, None)
        sys.meta_path[:] = [finder, *(each for each in sys.meta_path if not isinstance(each, Saved))]
        module = __import__("provider")
    except Exception as error:
        # Only the frames of the author's own files.
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("src/")]
        where = f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames else ""
        message = f"{where}{type(error).__name__}: {error}"
        raise Err(llm.ProviderError(llm.ErrorKind_Other("plugin"), message, None, None, None, None, None, None)) from None
    _loaded = (text, module)
    return module


class Chat(exports.Chat):
    """What the host calls, as the saved provider answers it."""

    def describe(self) -> llm.Info:
        return current().Chat().describe()

    def complete(self, request: llm.Request) -> llm.Completion:
        return current().Chat().complete(request)

    def open_stream(self, request: llm.Request) -> Any:
        return current().Chat().open_stream(request)
