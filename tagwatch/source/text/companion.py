"""Other files that a file needs: asked for as `wanted`, given with the next call."""

from __future__ import annotations

from tagwatch.source.target import Location, Problem, SourceContext

__all__ = ["Companions"]


class Companions:
    """What one extraction asked for and what was missing."""

    def __init__(self, context: SourceContext) -> None:
        self._files = context.files
        self._wanted: dict[str, None] = {}
        self.problems: list[Problem] = []

    @property
    def wanted(self) -> tuple[str, ...]:
        """The paths whose bytes were not at hand."""
        return tuple(self._wanted)

    def read(self, path: str, named_at: Location | None) -> bytes | None:
        """The file's bytes, None where they are not here: not yet, or not at all.

        `named_at`: where the file is named; None for a file that may as well be absent.
        """
        if path not in self._files:
            self._wanted[path] = None
            return None
        raw = self._files[path]
        if raw is None and named_at is not None:
            self.problems.append(
                Problem(
                    message=f"{path!r} was not read: it is not there, or outside the tree",
                    location=named_at,
                    hint="what it names is not part of this answer",
                    skipped=True,
                )
            )
        return raw
