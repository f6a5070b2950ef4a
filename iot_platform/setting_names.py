"""Which names are settings, and which one was meant by a name that is none. Pure.

A place is a setting's way through the sections: ("kafka", "broker_port") is IOT_KAFKA__BROKER_PORT in the environment
and `kafka.broker_port` in iot.toml.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

ENV_PREFIX = "IOT_"
ENV_DELIMITER = "__"
CONFIG_VARIABLE = "IOT_CONFIG"
"""Names the file with settings; a variable only, for no file can say where it is."""

Place = tuple[str, ...]


def env_name(place: Iterable[object]) -> str:
    return ENV_PREFIX + ENV_DELIMITER.join(str(part).upper() for part in place)


def dotted(place: Iterable[object]) -> str:
    return ".".join(map(str, place))


def unknown_variables(environment: Iterable[str], model: type[BaseModel]) -> dict[str, Place]:
    """The variables that look like settings and are none, each with the place it names."""
    ours = (name for name in environment if name.upper().startswith(ENV_PREFIX) and name.upper() != CONFIG_VARIABLE)
    places = {name: tuple(name[len(ENV_PREFIX) :].lower().split(ENV_DELIMITER)) for name in ours}
    return {name: place for name, place in places.items() if not _is_setting(place, model)}


def unknown_keys(document: Mapping[str, Any], model: type[BaseModel], above: Place = ()) -> Iterator[Place]:
    """The places of all keys of a nested document that are no settings; of a section that is none, its own alone."""
    for key, value in document.items():
        place = (*above, key)
        if not _is_setting(place, model):
            yield place
        elif isinstance(value, Mapping):
            yield from unknown_keys(value, model, place)


def closest(place: Place, model: type[BaseModel]) -> Place:
    """The setting whose name is most like that of `place`; a name that the user chooses stays as it is in `place`."""
    known = {dotted(one): one for one in _settings(model, place)}
    # A whole word of a name in the right section says more than like letters: kafka.port means kafka.broker_port.
    fitting = [name for name, one in known.items() if one[:-1] == place[:-1] and place[-1] in one[-1].split("_")]
    (best,) = get_close_matches(dotted(place), fitting or known, n=1, cutoff=0.0)
    return known[best]


def _is_setting(place: Place, model: type[BaseModel]) -> bool:
    """Also a whole section, which may be given as JSON."""
    kind: Any = model
    for part in place:
        section = _section(kind)
        if section is not None:
            if part not in section.model_fields:
                return False
            kind = section.model_fields[part].annotation
        elif (member := _member(kind)) is not None:
            kind = member
        else:
            return False
    return True


def _settings(kind: Any, place: Place, above: Place = ()) -> Iterator[Place]:
    """All settings, and the sections that do not hold `place` itself.

    Where the user chooses a name, the one that `place` has at this point.
    """
    section, member = _section(kind), _member(kind)
    if above != place[: len(above)] or (section is None and member is None):
        yield above
    if section is not None:
        for name, field in section.model_fields.items():
            yield from _settings(field.annotation, place, (*above, name))
    elif member is not None:
        chosen = place[len(above)] if len(place) > len(above) else "name"
        yield from _settings(member, place, (*above, chosen))


def _section(kind: Any) -> type[BaseModel] | None:
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _member(kind: Any) -> Any:
    """What a mapping from names that the user chooses holds; None for all else."""
    return get_args(kind)[1] if getattr(kind, "__origin__", None) is dict else None
