"""How figures and strangers' texts are written. Pure.

A location or a payload is whatever a sender wrote: control characters and those that turn the direction of the text are
shown, not obeyed; markup is escaped by the template or by `markdown`.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_MARKUP = re.compile(r"([\\`*_\[\]|#~!])")
_CODE = re.compile(r"`([^`]+)`")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def visible(text: str) -> str:
    """The same with characters that cannot be seen written as \\u202e."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def markdown(text: str) -> str:
    """On one line of Markdown, as plain text; angle brackets and ampersands as HTML entities."""
    line = " ".join(visible(text).split())
    line = _MARKUP.sub(r"\\\1", line)
    return "".join(_HTML.get(character, character) for character in line)


def number(value: float) -> str:
    """12,345 or 98.7."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def points(value: float) -> str:
    """A change of the score."""
    return f"{value:.1f}"


def share_points(value: float) -> str:
    """A change of a share, in points of a hundred."""
    return f"{100 * value:.2g} points"


def capitalized(text: str) -> str:
    """With a capital first letter and the rest as it is."""
    return text[:1].upper() + text[1:]


def coded(text: str) -> Markup:
    """Escaped, with what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(visible(text)))))  # noqa: S704 - escaped before
