"""Docker Hub under its other names: one repository, one history, asked once."""

from __future__ import annotations

from pathlib import Path

from tests.registry.doubles.hub import HubDouble
from tests.walk.command import Workplace

NAMES = (
    "redis:6.2",
    "docker.io/library/redis:6.2",
    "index.docker.io/library/redis:6.2",
    "registry-1.docker.io/library/redis:6.2",
    "registry.hub.docker.com/library/redis:6.2",
)


async def test_one_repository_has_one_history(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    double = HubDouble()
    digest = double.warehouse.push("library/redis", "6.2", index=False)
    async with double.serving():
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: [Dockerfile]\nreports: {formats: [json]}\n"
            "registries:\n"
            f"  docker.io: {{endpoint: '{double.url}', catalogue_endpoint: '{double.url}'}}\n",
        )
        place.write("Dockerfile", "".join(f"FROM {name}\n" for name in NAMES))
        answer = (await place.run("scan", "--format", "json")).json
        assert double.night()["catalogue"] == 1
        fixed = await place.run("check", "--fix=pin", "--dry-run", "Dockerfile")
        assert double.night()["catalogue"] <= 1, "a fix asks what it writes"
        history = (await place.run("history", NAMES[-1], "--format", "json")).json
        resolved = (await place.run("resolve", *NAMES, "--format", "json")).json
    assert double.night() == {}, "all of it is remembered"
    assert answer["requests"].keys() == {"docker.io"}
    (resolution,) = answer["resolutions"]
    assert resolution["reference"].startswith("docker.io/library/redis:6.2")
    assert history["repository"] == "docker.io/library/redis"
    assert [one["digest"] for one in history["intervals"]] == [digest]
    assert [one["input"] for one in resolved["resolutions"]] == list(NAMES)
    assert {one["digest"] for one in resolved["resolutions"]} == {digest}
    for name in NAMES:
        assert f"+FROM {name}@{digest}" in fixed.out, "a fix keeps what was written"
