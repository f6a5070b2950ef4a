"""The rules over many readings: their thresholds, as the SQL in sql/findings/ takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict

from iot_platform.contract.behaviour import Behaviour, line_between
from iot_platform.contract.catalogue import Catalogue

_NOBODY = {"stream": "", "sensor_type": ""}
_TYPED = Behaviour(1, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0)


def thresholds(catalogues: Mapping[str, Catalogue]) -> dict[str, Any]:
    """The parameters $behaviours and $lines: a row for each stream and type, and for each unit it may be taken for.

    The first row of each is of no stream: it gives the columns their types where all others are None.
    """
    behaviours = [_NOBODY | _figures(_TYPED)]
    lines = [_NOBODY | {"unit": "", "factor": 1.0, "line_offset": 0.0}]
    for stream, catalogue in catalogues.items():
        for kind in catalogue.types.values():
            of_type = {"stream": stream, "sensor_type": kind.name}
            behaviours.append(of_type | _figures(kind.behaviour))
            for other in kind.behaviour.other_units:
                line = line_between(kind.unit, other, kind.name)
                lines.append(of_type | {"unit": line.unit, "factor": line.factor, "line_offset": line.offset})
    return {"behaviours": behaviours, "lines": lines}


def _figures(behaviour: Behaviour) -> dict[str, Any]:
    return {name: figure for name, figure in asdict(behaviour).items() if name != "other_units"}
