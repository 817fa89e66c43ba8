"""Whatever stands in a configuration file, it is read or refused with one `ConfigError`."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tagwatch.config.load import load_configuration
from tagwatch.errors import ConfigError
from tests.paths import ROOT

EXAMPLES = [
    (ROOT / "config" / name).read_text(encoding="utf-8")
    for name in ("tagwatch.yaml", "policy.yaml")
]
WORDS = ["[", "]", "{", "}", ": ", "- ", "&a ", "*a", "!!int ", "off", "0", "null", '"', "\n", "\t"]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """An example with a piece cut out and a word put in."""
    text = draw(st.sampled_from(EXAMPLES))
    start = draw(st.integers(0, len(text)))
    length = draw(st.integers(0, 60))
    return text[:start] + draw(st.sampled_from(WORDS)) + text[start + length :]


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.one_of(damaged(), st.text(max_size=80)))
def test_files_are_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tagwatch.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    inline = tmp_path / "policy.yaml"
    inline.write_bytes(text.encode("utf-8", "surrogatepass"))
    for environment in ({}, {"TAGWATCH_POLICY": str(inline)}):
        try:
            read = load_configuration(path, environment, tmp_path)
        except ConfigError as error:
            assert error.message
        else:
            assert read.settings.path == path
