"""Models that come from other files of the project.

`from types import Output` is looked for in types.py of the project's folder, `from .types import Output` beside the
importing file; a package's __init__.py is never read, nor is any module on a short list of well-known ones. Source:
resolveExternalModels and loadModelsFromModule, pkg/schema/python/models.go.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from granite.schema.error import SchemaError
from granite.schema.imports import Import, Imports
from granite.schema.models import Model, collect
from granite.schema.source import Source

_WELL_KNOWN = """
builtins typing typing_extensions collections abc enum dataclasses os sys io json re math pathlib functools itertools
contextlib concurrent asyncio multiprocessing threading logging warnings unittest pytest numpy torch tensorflow jax scipy
sklearn transformers diffusers accelerate safetensors PIL cv2 skimage requests httpx aiohttp fastapi flask pydantic cog
"""


@dataclass
class Namespace:
    """The model names that one file can use: its own, and `name` or `module.name` of what it imports."""

    path: str
    imports: Imports
    models: dict[str, Model] = field(default_factory=dict)
    typed_dicts: set[str] = field(default_factory=set)


class Neighbours:
    """The project's other files, read once each. folder is the project's, None to look at no other file."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._loaded: dict[str, Namespace] = {}

    def namespace(self, source: Source, imports: Imports) -> Namespace:
        """The names that a file can use."""
        space = Namespace(source.path, imports)
        space.models = collect(source, imports, space.typed_dicts)
        if self.folder is not None:
            self._add_imported(space)
            space.models.update(collect(source, imports, space.typed_dicts, space.models))
        return space

    def _add_imported(self, space: Namespace) -> None:
        for local, entry in space.imports.names.items():
            found, nested = self._imported(entry, space.path)
            if found is None:
                _alias(local, entry, space, space)
                continue
            qualified = {f"{local}.{name}": model for name, model in found.models.items()}
            space.models.update(qualified)
            space.typed_dicts |= {f"{local}.{name}" for name in found.typed_dicts}
            if not nested and entry.original != entry.module and entry.module != ".":
                _alias(local, entry, found, space)
                _add_new(found.models, space.models)

    def _imported(self, entry: Import, importer: str) -> tuple[Namespace | None, bool]:
        if found := self._load(entry.module, importer):
            return found, False
        nested = f".{entry.original}" if entry.module == "." else f"{entry.module}.{entry.original}"
        return self._load(nested, importer), True

    def _load(self, module: str, importer: str) -> Namespace | None:
        path = file_of(module, importer)
        if path is None or self.folder is None:
            return None
        if path in self._loaded:
            return self._loaded[path]
        source = read(self.folder, path)
        if source is None:
            return None
        imports = Imports(source.tree)
        # A file that imports this one back finds it empty until it is done: that is how Cog breaks the circle.
        self._loaded[path] = Namespace(path, imports)
        space = self._loaded[path] = self.namespace(source, imports)
        self._refresh()
        self._add_imported(space)
        return space

    def _refresh(self) -> None:
        for space in self._loaded.values():
            for local, entry in space.imports.names.items():
                imported = self._loaded.get(file_of(entry.module, space.path, skip_known=False) or "")
                if imported is not None:
                    _alias(local, entry, imported, space)


def read(folder: Path, path: str) -> Source | None:
    """A file of the project, None if it is not there or cannot be read."""
    try:
        return Source((folder / path).read_bytes(), path)
    except (OSError, SchemaError):
        return None


def file_of(module: str, importer: str, *, skip_known: bool = True) -> str | None:
    """The file that a module would be, relative to the project's folder; None for a package's own folder."""
    names = module.lstrip(".")
    top = names if module.startswith(".") else module.partition(".")[0]
    if not names or (skip_known and top in _WELL_KNOWN.split()):
        return None
    level = len(module) - len(names)
    base = posixpath.dirname(importer) if level and importer else ""
    for _ in range(level - 1):
        base = posixpath.dirname(base)
    return posixpath.normpath(posixpath.join(base, *names.split("."))) + ".py"


def _alias(local: str, entry: Import, origin: Namespace, target: Namespace) -> None:
    if entry.original in origin.models:
        target.models[local] = origin.models[entry.original]
    if entry.original in origin.typed_dicts:
        target.typed_dicts.add(local)


def _add_new(found: Mapping[str, Model], models: dict[str, Model]) -> None:
    for name, model in list(found.items()):
        models.setdefault(name, model)
