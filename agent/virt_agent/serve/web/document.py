"""The YAML of the web configuration, by PyYAML's parser alone: mappings, lists and texts, no Python objects.

Scalars stay texts, so that a user called "on" or "007" keeps his name. Aliases, tags and merge keys have no use
here and are refused, keys that stand twice as well, and the depth is bounded.
"""

from __future__ import annotations

from ...option_table import UsageError
from ...render.ascii import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import yaml

LIMIT = 1 << 16
_DEPTH = 6
_NULL = "tag:yaml.org,2002:null"


def parse(path: str, text: str) -> dict[str, Any]:
    """The document; UsageError names the file and the line."""
    try:
        import yaml
    except ImportError:
        raise UsageError(f"{path}: is YAML, which needs PyYAML: apt-get install python3-yaml") from None
    try:
        _bound(path, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        made = {} if node is None else _plain(path, node)
    except yaml.MarkedYAMLError as error:
        raise UsageError(f"{path}{_line(error.problem_mark)}: is not YAML: {_one_line(error.problem)}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the latter of escapes beyond Unicode
        raise UsageError(f"{path}: is not YAML: {_one_line(error)}") from None
    if made is not None and not isinstance(made, dict):
        raise UsageError(f"{path}: must hold keys and values, as basic_auth_users: and tls_server_config:")
    return made or {}


def _bound(path: str, text: str) -> None:
    """Refuses what could grow: compose() recurses, and follows aliases."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{path}{_line(event.start_mark)}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise UsageError(f"{where}: anchors and aliases (& and *) are not supported here; write it out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH:
            raise UsageError(f"{where}: is nested more than {_DEPTH} deep")


def _plain(path: str, node: yaml.Node) -> Any:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return _mapping(path, node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(path, item) for item in node.value]
    return None if node.tag == _NULL else str(node.value)


def _mapping(path: str, node: yaml.MappingNode) -> dict[str, Any]:
    import yaml

    made: dict[str, Any] = {}
    for key, value in node.value:
        where = f"{path}{_line(key.start_mark)}"
        if not isinstance(key, yaml.ScalarNode):
            raise UsageError(f"{where}: a key must be a word")
        if key.value in made:
            raise UsageError(f"{where}: {clean(key.value)} stands here a second time")
        made[key.value] = _plain(path, value)
    return made


def _line(mark: Any) -> str:
    return f": line {mark.line + 1}" if mark is not None else ""


def _one_line(problem: object) -> str:
    return " ".join(str(problem or "").split())[:200]
