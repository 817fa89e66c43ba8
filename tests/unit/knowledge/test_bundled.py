from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from tagwatch.audit.model.knowledge import Cycle, How, Product
from tagwatch.errors import ConfigError
from tagwatch.image.reference import Repository
from tagwatch.knowledge.bundled import load

KNOWN = load()


@pytest.mark.parametrize(
    ("image", "version", "cycle", "ends"),
    [
        ("redis", "6.2.24", "6.2", None),
        ("python", "3.12.3", "3.12", date(2028, 10, 31)),
        ("python", "3.8.20", "3.8", date(2024, 10, 7)),
        ("node", "16.20.2", "16", date(2023, 9, 11)),
        ("postgres", "12.22", "12", date(2024, 11, 21)),
        ("debian", "12.15", "12", date(2028, 6, 30)),
        ("ubuntu", "18.04", "18.04", date(2023, 5, 31)),
        ("alpine", "3.18.12", "3.18", date(2025, 5, 9)),
        ("php", "8.0.30", "8.0", date(2023, 11, 26)),
    ],
)
def test_release_lines(image: str, version: str, cycle: str, ends: date | None) -> None:
    product = KNOWN.product_of(Repository.parse(image))
    assert product is not None
    found = product.cycle_of(version)
    assert found is not None
    assert found.name == cycle
    if ends is not None:
        assert found.ends == ends


@pytest.mark.parametrize(
    ("word", "cycle"), [("bookworm", "12"), ("trixie", "13"), ("sid", None), ("12", "12")]
)
def test_a_system_goes_by_its_codename(word: str, cycle: str | None) -> None:
    found = KNOWN.products["debian"].cycle_of(word)
    assert (found.name if found else None) == cycle


@pytest.mark.parametrize(
    ("image", "version", "line"),
    [
        ("redis", "4.0.14", ("5.0", How.BEFORE)),
        ("redis", "5", ("5.0", How.FLOATING)),
        ("redis", "7.4.2", ("7.4", How.EXACT)),
        ("redis", "2021.4", None),
        ("redis", "edge", None),
        ("golang", "1.4", ("1.10", How.BEFORE)),
        ("neo4j", "0.9.1", ("1.0", How.BEFORE)),
        ("postgres", "9", ("9.6", How.FLOATING)),
        ("mysql", "5", ("5.7", How.FLOATING)),
        ("mongo", "7", ("7.0", How.FLOATING)),
        ("elasticsearch", "8.5.3", ("8.16", How.GAP)),
        ("python", "3.15-rc", None),
        ("python", "3.15", None),
        ("node", "v21.1.0", ("21", How.EXACT)),
    ],
)
def test_the_line_that_tells_of_a_version(
    image: str, version: str, line: tuple[str, How] | None
) -> None:
    """`mongo:7` is held by the line that ends last: it lives as long as one line under it does."""
    product = KNOWN.product_of(Repository.parse(image))
    assert product is not None
    found = product.line_of(version)
    assert (None if found is None else (found.cycle.name, found.how)) == line


@pytest.mark.parametrize(
    ("names", "version", "line"),
    [
        (("noetic", "melodic"), "noetic", "noetic"),
        (("noetic", "melodic"), "humble", None),
        (("noetic", "melodic"), "1.2", None),
        (("20h2", "2004"), "20H2", "20h2"),
        (("20h2",), "20.2", None),
        (("python3.8",), "3.8", None),
        (("13.0-sp3", "14.0"), "13.0", None),
        (("1.9", "1.10"), "1.10.2", "1.10"),
    ],
)
def test_a_name_that_is_no_number_matches_by_equality(
    names: tuple[str, ...], version: str, line: str | None
) -> None:
    product = Product(name="x", cycles=tuple(Cycle(name=name) for name in names))
    found = product.cycle_of(version)
    assert (found.name if found else None) == line


def test_every_product_can_be_read() -> None:
    assert len(KNOWN.products) > 80
    for name in KNOWN.products:
        product = KNOWN.products[name]
        assert product.cycles
        assert all(product.cycle_of(cycle.name) == cycle for cycle in product.cycles)
    assert KNOWN.as_of is not None


def test_a_line_is_not_a_prefix_of_digits() -> None:
    product = KNOWN.product_of(Repository.parse("python"))
    assert product is not None
    assert product.cycle_of("3.120.1") is None
    assert product.cycle_of("nightly") is None


def test_official_names() -> None:
    assert KNOWN.is_official(Repository.parse("redis"))
    assert not KNOWN.is_official(Repository.parse("bitnami/redis"))
    assert not KNOWN.is_official(Repository.parse("ngnix"))
    assert not KNOWN.is_official(Repository.parse("quay.io/library/redis"))


def test_products_belong_to_their_publishers() -> None:
    assert KNOWN.product_of(Repository.parse("shop/redis")) is None
    assert KNOWN.product_of(Repository.parse("quay.io/library/redis")) is None


def test_a_newer_file_takes_the_place(tmp_path: Path) -> None:
    file = tmp_path / "newer.json"
    facts = {
        "schema_version": 1,
        "as_of": "2027-01-01",
        "source": "here",
        "products": {"x": {"name": "X", "images": ["library/redis"], "cycles": {"6": True}}},
    }
    file.write_text(json.dumps(facts))
    known = load(file)
    assert known.as_of == date(2027, 1, 1)
    product = known.product_of(Repository.parse("redis"))
    assert product is not None
    assert product.cycles[0].is_over
    assert known.official == KNOWN.official


def test_the_document_of_endoflife_dates_api(tmp_path: Path) -> None:
    """Form: `_plugins/generate-api-v1.rb` of endoflife-date/endoflife.date."""
    file = tmp_path / "full.json"
    redis = {
        "name": "redis",
        "label": "Redis",
        "identifiers": [
            {"type": "purl", "id": "pkg:docker/library/redis"},
            {"type": "purl", "id": "pkg:docker/other/redis?repository_url=quay.io"},
            {"type": "purl", "id": "pkg:oci/redis"},
            {"type": "repology", "id": "redis"},
        ],
        "releases": [
            {"name": "9.0", "isEol": False, "eolFrom": None},
            {"name": "8.0", "isEol": False, "eolFrom": "2026-12-01"},
            {"name": "6.2", "isEol": True, "eolFrom": None},
        ],
    }
    debian = {
        "name": "debian",
        "label": "Debian",
        "identifiers": [],
        "releases": [
            {
                "name": "13",
                "codename": "Trixie",
                "isEol": False,
                "eolFrom": "2028-08-09",
                "eoesFrom": "2030-06-30",
            },
            {"name": "14", "codename": None, "isEol": False, "eolFrom": None, "eoesFrom": None},
        ],
    }
    laptop = {**debian, "name": "laptop"}
    facts = {"schema_version": "1.2.0", "generated_at": "2027-01-02T03:04:05Z", "total": 3}
    file.write_text(json.dumps({**facts, "result": [redis, debian, laptop]}))
    known = load(file)
    assert (known.as_of, sorted(known.products)) == (date(2027, 1, 2), ["debian", "redis"])
    assert dict(known.products["debian"].codenames) == {"trixie": "13"}
    product = known.product_of(Repository.parse("redis"))
    assert product is not None
    assert [(cycle.name, cycle.ends, cycle.is_over) for cycle in product.cycles] == [
        ("9.0", None, False),
        ("8.0", date(2026, 12, 1), False),
        ("6.2", None, True),
    ]
    assert known.product_of(Repository.parse("bitnami/redis")) == product, "as the bundled facts"
    assert known.product_of(Repository.parse("other/redis")) is None
    stable = known.product_of(Repository.parse("debian"))
    assert stable is not None
    assert [cycle.ends for cycle in stable.cycles] == [date(2030, 6, 30), None]


@pytest.mark.parametrize(
    "text",
    [
        '{"result": []}',
        '{"schema_version": "2.0.0", "result": []}',
        '{"schema_version": "1.2.0", "result": [], "generated_at": 5}',
        '{"schema_version": "1.2.0", "generated_at": "soon", "result": []}',
        '{"schema_version": "1.2.0", "generated_at": "2027-01-02", "result": [1]}',
        '{"schema_version": "1.2.0", "generated_at": "2027-01-02", "result": [{"name": "x"}]}',
        "",
        "[]",
        "{}",
        '{"schema_version": 2}',
        '{"schema_version": 1, "as_of": "soon", "source": "x", "products": {}}',
        '{"schema_version": 1, "as_of": "2026-01-01", "source": "x"}',
        '{"schema_version": 1, "as_of": "2026-01-01", "source": "x", "products": {"a": 1}}',
    ],
)
def test_another_form_is_one_clear_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "facts.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match="not a file of facts"):
        load(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.json")
