"""The arrows between the packages point one way: the imports are read from the source and held to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("schemas", "dateline", "producers", "consumers")
OURS = frozenset({*PRODUCT, "tests", "benchmarks"})

SCHEMAS = ("schemas", "schemas.*")
BASE = (
    "dateline",
    "dateline.errors",
    "dateline.clock",
    "dateline.settings",
    "dateline.private_redis",
    "dateline.keeper",
    "dateline.master_key",
    "dateline.redis_store",
)
LOG = ("dateline.log", "dateline.log.*")
PRODUCERS = ("producers", "producers.*")
CONSUMERS = ("consumers", "consumers.*")
COMPOSITION = (
    "dateline.cli",
    "dateline.cli.*",
    "dateline.app*",
    "dateline.demo*",
    "dateline.deployment*",
    "dateline.lifting",
    "dateline.documents",
    "dateline.archive",
    "dateline.beside",
    "dateline.deliveries",
    "dateline.copying",
    "dateline.hooks",
    "dateline.importing",
    "dateline.kept_*",
    "dateline.losses",
    "dateline.merging",
    "dateline.metrics",
    "dateline.ndjson",
    "dateline.record_check",
    "dateline.registry*",
    "dateline.restore",
    "dateline.serving*",
    "dateline.spool",
    "dateline.status",
    "dateline.replay",
    "dateline.room",
    "dateline.rollback",
    "dateline.turn",
    "dateline.verdicts",
    "dateline.wire*",
    "dateline.__main__",
)

ARROWS: dict[tuple[str, ...], tuple[str, ...]] = {
    SCHEMAS: (*SCHEMAS, "dateline.errors"),
    BASE: BASE,
    LOG: (*LOG, *BASE),
    PRODUCERS: (*PRODUCERS, *SCHEMAS, *LOG, *BASE),
    CONSUMERS: (*CONSUMERS, *SCHEMAS, *LOG, *BASE),
    COMPOSITION: (*COMPOSITION, *PRODUCERS, *CONSUMERS, *SCHEMAS, *LOG, *BASE),
}
"""What each group of modules may import of ours; the standard library and third parties aside."""

INPUT_OUTPUT = frozenset({"sqlite3", "socket", "subprocess", "asyncio", "http", "ssl", "redis", "kafka"})


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement's target.

    Attributes:
        target: A module of ours, or what the statement names of anybody else's.
        at_import_time: Whether it runs when the importing module is imported.
    """

    target: str
    line: int
    at_import_time: bool


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    path: Path
    imports: tuple[Import, ...]

    def where(self, found: Import) -> str:
        return f"{self.path.relative_to(ROOT)}:{found.line}: {self.name} imports {found.target}"


@cache
def modules() -> dict[str, Module]:
    paths = {_name(path): path for package in PRODUCT for path in sorted((ROOT / package).rglob("*.py"))}
    return {name: Module(name, path, tuple(_imports(name, path, frozenset(paths)))) for name, path in paths.items()}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(name: str, path: Path, known: frozenset[str]) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    at_import_time = {id(node) for node in _run_at_import(tree)}
    for node in ast.walk(tree):
        for target in _targets(node, package=package, known=known):
            yield Import(target, getattr(node, "lineno", 0), id(node) in at_import_time)


def _targets(node: ast.AST, *, package: str, known: frozenset[str]) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            base = ".".join([*_above(package, level), *([module] if module else [])])
            for alias in names:
                submodule = f"{base}.{alias.name}"
                yield submodule if submodule in known else base
        case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__")):
            match node.args:
                case [ast.Constant(value=str(target)), *_]:
                    yield target


def _above(package: str, level: int) -> list[str]:
    """Return the parts of the package that an import with `level` leading dots starts from."""
    parts = package.split(".")
    return parts[: len(parts) - level + 1] if level else []


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            yield from (found for other in child.orelse for found in (other, *_run_at_import(other)))
            continue
        yield child
        yield from _run_at_import(child)


def _belongs(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _ancestors(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def imports() -> Iterator[tuple[Module, Import]]:
    return ((module, found) for module in modules().values() for found in module.imports)


@pytest.mark.parametrize("package", PRODUCT)
def test_every_package_is_read(package: str) -> None:
    """Without this the other tests would hold for an empty folder."""
    assert any(_top(name) == package for name in modules()), f"no module found in {package}/"
    assert any(_top(module.name) == package for module, _ in imports()), f"no import found in {package}/"


def test_every_module_has_its_place() -> None:
    homeless = [name for name in modules() if not any(_belongs(name, group) for group in ARROWS)]

    assert not homeless, f"add to a group of ARROWS, or move: {', '.join(homeless)}"


@pytest.mark.parametrize(("group", "allowed"), ARROWS.items(), ids=lambda patterns: patterns[0])
def test_the_arrows_point_one_way(group: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    wrong = [
        module.where(found)
        for module, found in imports()
        if _belongs(module.name, group) and _top(found.target) in OURS and not _belongs(found.target, allowed)
    ]

    assert not wrong, "\n".join([f"of ours it may import only {', '.join(allowed)}:", *wrong])


def test_producers_and_consumers_meet_only_in_the_log() -> None:
    sides = {"producers": "consumers", "consumers": "producers"}
    wrong = [module.where(found) for module, found in imports() if _top(found.target) == sides.get(_top(module.name))]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "driver",
    ["kafka", "redis", "apsw", "opensearchpy", "httpx", "aiohttp", "apprise", "cryptography", "standardwebhooks"],
)
def test_a_driver_is_imported_in_one_module(driver: str) -> None:
    users = {module.name: module.where(found) for module, found in imports() if _top(found.target) == driver}

    assert len(users) <= 1, "\n".join([f"{driver} belongs in one module:", *users.values()])


def test_redis_is_imported_by_its_store_alone() -> None:
    wrong = [
        module.where(found)
        for module, found in imports()
        if _top(found.target) == "redis" and module.name != "dateline.redis_store"
    ]

    assert not wrong, "\n".join(wrong)


def test_what_was_killed_is_read_by_the_shell_alone() -> None:
    past = "consumers.timeline.past"
    allowed = {f"{past}_check", "dateline.cli.unredacted", "dateline.cli.replay_as_of"}
    wrong = [
        module.where(found)
        for module, found in imports()
        if found.target in (past, f"{past}_check") and module.name not in allowed
    ]

    assert not wrong, "\n".join(["it holds the words of killed updates, which no reader may get:", *wrong])


def test_schemas_do_no_input_or_output() -> None:
    wrong = [
        module.where(found)
        for module, found in imports()
        if _top(module.name) == "schemas" and _top(found.target) in INPUT_OUTPUT
    ]

    assert not wrong, "\n".join(wrong)


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module.name: set(_loads(module)) for module in modules().values()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle at import time: {' <- '.join(error.args[1])}")


def _loads(module: Module) -> Iterator[str]:
    """Yield what importing a module runs: its imports' targets and the packages these lie in, unless it lies in them too."""
    for found in module.imports:
        if not found.at_import_time:
            continue
        around = (name for name in _ancestors(found.target) if not f"{module.name}.".startswith(f"{name}."))
        yield from (name for name in (found.target, *around) if name in modules())


def test_stemmers_are_asked_in_one_module() -> None:
    users = {module.name for module, found in imports() if _top(found.target) == "Stemmer"}

    assert users == {"consumers.search.stems"}


def test_no_view_and_no_replay_can_reach_what_sends() -> None:
    graph = {module.name: {found.target for found in module.imports} for module in modules().values()}
    views = [name for name in graph if name.startswith(("consumers.timeline", "consumers.search", "consumers.runner"))]
    views += ["dateline.replay", "dateline.restore", "dateline.copying", "dateline.rollback", "dateline.archive"]
    senders = {f"consumers.notifications.{name}" for name in ("notifier", "channels", "webhook", "people")}

    for view in views:
        assert not senders & _reached(graph, view), f"{view} can reach what sends"


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    reached, left = set[str](), [start]
    while left:
        for target in graph.get(left.pop(), set()) - reached:
            reached.add(target)
            left.append(target)
    return reached
