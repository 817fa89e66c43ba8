"""Compose files: what compose-go says a project runs, with its places."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tagwatch.source.compose import source as compose
from tagwatch.source.target import Extraction, Port, SourceContext, is_replaced
from tagwatch.value import replace
from tests.source_sample import assert_exact, extract, shown

D = "sha256:" + "c0ffee00" * 8


def read(
    text: str, files: Mapping[str, str] | None = None, path: str = "compose.yaml", **env: str
) -> Extraction:
    extraction = extract(compose, text, path, files, **env)
    assert_exact(extraction, {**(files or {}), path: text})
    return extraction


def ports(extraction: Extraction) -> list[tuple[str, int | None, int, str]]:
    return [
        (port.host_ip, port.host, port.container, port.protocol)
        for target in extraction.targets
        for port in target.ports
    ]


@pytest.mark.parametrize(
    ("path", "head", "recognized"),
    [
        ("compose.yaml", b"", True),
        ("docker-compose.yml", b"", True),
        ("docker-compose.prod.yml", b"", True),
        ("compose.override.yaml", b"", True),
        ("podman-compose.yaml", b"", True),
        ("compose", b"", False),
        ("decompose.yaml", b"", False),
        ("compose.json", b"", True),
        ("deploy/docker-compose.prod.json", b'{"services": {"a": {"image": "redis"}}}', True),
        ("compose.json", b'{"name": "a package"}', False),
        ("package.json", b'{"services": {"a": {"image": "redis"}}}', False),
        (
            ".woodpecker/a.yaml",
            b"services:\n  a:\n    image: x\nsteps:\n  b:\n    image: y\n",
            False,
        ),
        (".woodpecker.yml", b"services:\n  a:\n    image: x\n", False),
        ("ci.yml", b"pipeline:\n  b:\n    image: y\nservices:\n  a:\n    image: x\n", False),
        ("stack.yml", b"services:\n  a:\n    image: redis\n", True),
        ("stack.yml", b"\xef\xbb\xbfservices: {a: {image: redis}}\n", True),
        ("stack.yml", b"services:\n  - redis\n", False),
        ("stack.yml", b"jobs:\n  a:\n    services:\n      image: x\n", False),
        ("stack.yml", b"apiVersion: v1\nservices:\n  a:\n    image: x\n", False),
        ("stack.txt", b"services:\n  a:\n    image: redis\n", False),
        ("old.yml", b"# c\nweb:\n  image: redis\n\ndb:\n  build: .\n", True),
        ("old.yml", b"web:\n  image: redis\n  script: [x]\n", False),
        ("old.yml", b"web:\n  image:\n    repository: redis\n", False),
        ("old.yml", b"web:\n  image: redis\nreplicas: 2\n", False),
    ],
)
def test_recognizes(path: str, head: bytes, recognized: bool) -> None:
    assert compose.recognizes(path, head) is recognized


def test_services_and_decoys() -> None:
    extraction = read(
        """\
# image: decoy:1
x-image: decoy:2
x-services: {z: {image: decoy:3}}
services:
  a:
    image: nginx:1.25 # why
    labels: {image: decoy:4}
    environment: [image=decoy:5]
    command: >
      run image: decoy:6
  image:
    "image": 'redis:7'
  x-b: {image: decoy:7}
  c: {image: "", build: {context: "https://example.com/x.git"}}
  d: {image: null}
  e: {image: !reset null}
  f: !reset {image: decoy:8}
volumes: {image: {}}
---
services:
  a: {image: "reg:5000/x@DIGEST"}
""".replace("DIGEST", D)
    )
    assert shown(extraction) == [
        "compose.yaml:6:12 nginx:1.25 -> docker.io/library/nginx:1.25",
        "compose.yaml:12:15 redis:7 -> docker.io/library/redis:7",
        f"compose.yaml:21:15 reg:5000/x@{D} -> reg:5000/x@{D}",
    ]
    first = extraction.targets[0]
    assert (first.kind, first.group) == ("compose", "a")
    assert [(field.name, field.text) for field in first.fields] == [("reference", "nginx:1.25")]


def test_anchors_are_one_target_with_all_ports() -> None:
    extraction = read(
        "x-app: &app\n  image: &img redis:7\n  ports: [80]\n"
        "services:\n  a: *app\n  b:\n    <<: *app\n    ports: [81]\n  c: {image: *img}\n"
    )
    assert shown(extraction) == ["compose.yaml:2:15 redis:7 -> docker.io/library/redis:7"]
    assert ports(extraction) == [("", None, 80, "tcp"), ("", None, 81, "tcp")]


def test_block_and_escaped_scalars() -> None:
    extraction = read(
        'services:\n  a:\n    image: >-\n      redis:7\n  b: {image: "redis\\x3a6"}\n'
        "  c:\n    image: |\n      redis:5\n  d: {image: 5}\n  e: {image: '5'}\n"
    )
    assert shown(extraction) == [
        "compose.yaml:4:7 redis:7 -> docker.io/library/redis:7",
        "compose.yaml:5:15 redis\\x3a6 -> docker.io/library/redis:6",
        "compose.yaml:8:7 redis:5 -> invalid",
        "compose.yaml:9:14 5 -> invalid",
        "compose.yaml:10:15 5 -> docker.io/library/5:latest",
    ]
    assert [bool(target.fields) for target in extraction.targets] == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_interpolation_with_dotenv_and_environment() -> None:
    files = {".env": "# c\nTAG=7.2\nREG='quay.io/$x'\nTAG=7.4 # last\nA=$TAG-alpine\n"}
    text = (
        "services:\n  a: {image: 'redis:${TAG}'}\n  b: {image: 'redis:$A'}\n"
        "  c: {image: 'redis:${NO:-6}'}\n  d: {image: '${REGISTRY}/app:${TAG}'}\n"
        "  e: {image: 'redis:$${TAG}'}\n  f: {image: '${NO!x}'}\n"
    )
    extraction = read(text, files)
    assert shown(extraction) == [
        "compose.yaml:2:15 redis:${TAG} -> docker.io/library/redis:7.4",
        "compose.yaml:3:15 redis:$A -> docker.io/library/redis:7.4-alpine",
        "compose.yaml:4:15 redis:${NO:-6} -> docker.io/library/redis:6",
        "compose.yaml:5:15 ${REGISTRY}/app:${TAG} -> missing REGISTRY",
        "compose.yaml:6:15 redis:$${TAG} -> invalid",
        "compose.yaml:7:15 ${NO!x} -> invalid",
    ]
    (value, name) = extraction.targets[0].fields
    assert (value.name, value.text, value.template) == ("value", "7.4", "redis:{}")
    assert str(value.location) == ".env:4:5"
    assert str(name.location) == "compose.yaml:2:15"
    default = extraction.targets[2].fields[0]
    assert (default.text, str(default.location)) == ("6", "compose.yaml:4:27")

    extraction = read(text, files, TAG="8", REGISTRY="ghcr.io")
    assert shown(extraction)[0].endswith("-> docker.io/library/redis:8")
    assert shown(extraction)[3].endswith("-> ghcr.io/app:8")
    assert [field.text for field in extraction.targets[0].fields] == ["redis:"]


def test_dotenv_is_asked_for_only_where_variables_stand() -> None:
    context = SourceContext()
    assert compose.extract(b"services: {}\n", "a/stack.yml", context).wanted == ()
    extraction = compose.extract(b"services: {a: {image: $A}}\n", "a/stack.yml", context)
    assert extraction.wanted == ("a/.env",)


def test_extends() -> None:
    files = {
        "common/base.yaml": "services:\n"
        "  web: {image: 'nginx:${V:-1}', ports: [80], platform: arm64}\n"
        "  mid: {extends: web, ports: [81]}\n  top: {extends: mid, image: httpd:2}\n",
    }
    text = (
        "services:\n"
        "  a:\n    extends: {file: common/base.yaml, service: mid}\n    ports: ['8080:82']\n"
        "  b:\n    extends: {file: common/base.yaml, service: top}\n"
        "  c:\n    extends: {file: common/base.yaml, service: web}\n    image: redis:7\n"
        "  d: {extends: {service: c}}\n"
    )
    extraction = read(text, files)
    assert shown(extraction) == [
        "common/base.yaml:2:17 nginx:${V:-1} -> docker.io/library/nginx:1",
        "common/base.yaml:4:30 httpd:2 -> docker.io/library/httpd:2",
        "compose.yaml:9:12 redis:7 -> docker.io/library/redis:7",
    ]
    assert [target.platform for target in extraction.targets] == ["linux/arm64"] * 3
    assert [(port.host, port.container) for port in extraction.targets[0].ports] == [
        (None, 80),
        (None, 81),
        (8080, 82),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("services: {a: {extends: {service: a}}}", "'a' extends itself"),
        ("services: {a: {extends: b}, b: {extends: a}}", "extends itself"),
        ("services: {a: {extends: {service: no}}}", "unknown service 'no'"),
        ("services: {a: {extends: {file: no.yaml, service: a}}}", "'no.yaml' was not read"),
        ("services: {a: {extends: {file: $F, service: a}}}", "'$F' cannot be resolved"),
        ("include: [oci://example.com/x]", "is remote and was not read"),
        ("include: [no.yaml]", "'no.yaml' was not read"),
        ("services: {a: {image: x, platform: '!'}}", "not a platform"),
        ("services: {a: {build: .}}", "'Dockerfile' was not read"),
        ("services: {a: {build: 'https://example.com/x.git'}}", "Dockerfile is not here"),
        ("services: {a: {image: x, ports: ['80:81:82:x']}}", "not a port"),
    ],
)
def test_problems(text: str, message: str) -> None:
    problems = read(text).problems
    assert problems
    assert all(message in problem.message for problem in problems)


def test_include_with_its_own_env() -> None:
    files = {
        "a/db.yaml": "services: {db: {image: 'postgres:${PG}'}}\ninclude: [more.yaml]\n",
        "a/more.yaml": "services: {m: {image: 'memcached:${PG}'}}\ninclude: [db.yaml]\n",
        "a/.env": "PG=16\n",
        "b/x.yaml": "services: {x: {image: 'mysql:${MY}'}, y: {image: 'y:${PG}'}}\n",
        "b/my.env": "MY=8\n",
        ".env": "PG=15\nY=y\n",
    }
    text = "include:\n- a/db.yaml\n- {path: [b/x.yaml], env_file: b/my.env}\nx-a: $Y\n"
    assert shown(read(text, {**files, ".env": "Y=y\n"})) == [
        "a/db.yaml:1:25 postgres:${PG} -> docker.io/library/postgres:16",
        "a/more.yaml:1:24 memcached:${PG} -> docker.io/library/memcached:16",
        "b/x.yaml:1:24 mysql:${MY} -> docker.io/library/mysql:8",
        "b/x.yaml:1:51 y:${PG} -> missing PG",
    ]
    assert shown(read(text, files))[0].endswith("-> docker.io/library/postgres:15")


def test_of_several_env_files_the_last_wins_and_sees_those_before() -> None:
    files = {
        "x.yaml": "services: {x: {image: 'x:${A}-${B}-${C}'}}\n",
        "1.env": "A=1\nB=1\n",
        "2.env": "B=2\nC=${A}c\n",
    }
    text = "include: [{path: x.yaml, env_file: [1.env, 2.env, 3.env]}]\n"
    extraction = read(text, files)
    assert shown(extraction) == [
        "x.yaml:1:24 x:${A}-${B}-${C} -> docker.io/library/x:1-2-1c",
    ]
    assert "'3.env' was not read" in extraction.problems[0].message


def test_an_include_cycle_ends() -> None:
    text = "include: [compose.yaml]\nservices: {foo: {image: foo}}\n"
    assert shown(read(text, {"compose.yaml": text})) == [
        "compose.yaml:2:25 foo -> docker.io/library/foo:latest"
    ]


def test_short_ports() -> None:
    text = """services: {a: {image: x, ports: [80, "8080:80", "127.0.0.1:8081:80/udp",
      "9000-9001:90-91", "[::1]:6000:6000", "::1:6001:6001",
      "70-72:7", "1.2.3.4::5", "${P:-99}:9"]}}"""
    extraction = read(text)
    assert ports(extraction) == [
        ("", None, 80, "tcp"),
        ("", 8080, 80, "tcp"),
        ("127.0.0.1", 8081, 80, "udp"),
        ("", 9000, 90, "tcp"),
        ("", 9001, 91, "tcp"),
        ("::1", 6000, 6000, "tcp"),
        ("::1", 6001, 6001, "tcp"),
        ("", None, 7, "tcp"),
        ("1.2.3.4", None, 5, "tcp"),
        ("", 99, 9, "tcp"),
    ]
    port = extraction.targets[0].ports[1]
    assert port.location is not None
    assert str(port.location) == "compose.yaml:1:39"


def test_long_ports_profiles_and_override() -> None:
    files = {"compose.override.yaml": "services: {a: {ports: ['5432:5432']}}\n"}
    extraction = read(
        "services:\n  a:\n    image: x\n    profiles: [debug]\n    ports:\n"
        "    - {target: 80, published: '8080', host_ip: 0.0.0.0, protocol: udp}\n"
        "    - {target: 81, published: 9000-9010}\n",
        files,
    )
    assert ports(extraction) == [
        ("0.0.0.0", 8080, 80, "udp"),
        ("", None, 81, "tcp"),
        ("", 5432, 5432, "tcp"),
    ]
    assert {port.profiles for port in extraction.targets[0].ports} == {("debug",)}
    assert extraction.targets[0].ports[-1].location.path == "compose.override.yaml"  # type: ignore[union-attr]  # it has one


@pytest.mark.parametrize(
    "port", ["x", "80:", "-1:80", "80/xyz", "70000", "1-3:1-2", "5-4", "80:81:82:83:x"]
)
def test_a_port_that_cannot_be_read_is_a_problem(port: str) -> None:
    extraction = read(f"services: {{a: {{image: x, ports: ['{port}', '1:1']}}}}")
    assert [p.host for p in extraction.targets[0].ports] == [1]
    (problem,) = extraction.problems
    assert problem.message.startswith("not a port")


def test_what_a_service_publishes_has_its_name_and_how_often_it_runs() -> None:
    text = """services:
  a: {build: ., scale: 2, ports: ['8080-8081:80']}
  b: {image: x, ports: ['81:81'], deploy: {replicas: 3}}
  c: {image: y, ports: ['82:82'], deploy: {replicas: 3, update_config: {order: start-first}}}
  d: {image: z, ports: ['83:83'], deploy: {replicas: $N}}
"""
    extraction = read(text, N="4")
    published = [*extraction.ports, *(port for t in extraction.targets for port in t.ports)]
    assert [(p.service, p.host, p.among, p.scale, p.replicas) for p in published] == [
        ("a", None, (8080, 8081), 2, 1),
        ("b", 81, None, 1, 3),
        ("c", 82, None, 1, 1),  # a swarm's: its routing mesh shares the port
        ("d", 83, None, 1, 4),
    ]
    assert not any(port.swarm for port in published)
    stack = read(text, path="docker-stack.yml", N="4")
    assert all(port.swarm for target in stack.targets for port in target.ports)
    assert [port.replicas for target in stack.targets for port in target.ports] == [1, 1, 1]


@pytest.mark.parametrize(
    ("path", "deploy", "is_swarm"),
    [
        ("compose.fullstack.yaml", "{}", False),
        ("compose.stackoverflow.yml", "{}", False),
        ("compose.swarm.yaml", "{}", True),
        ("a/stack.yml", "{}", True),
        *(
            ("compose.yaml", deploy, False)  # Compose takes them, and starts the service
            for deploy in ("{mode: global}", "{update_config: {}}", "{placement: {}}")
        ),
    ],
)
def test_a_swarms_file_is_known_by_a_word_of_its_name(
    path: str, deploy: str, is_swarm: bool
) -> None:
    text = f"services: {{a: {{image: x, ports: ['1:1'], deploy: {deploy}}}}}"
    assert [port.swarm for port in read(text, path=path).targets[0].ports] == [is_swarm]


@pytest.mark.parametrize("mode", ["host", "none", "service:b", "container:b"])
def test_nothing_is_published_on_another_network(mode: str) -> None:
    assert ports(read(f"services: {{a: {{image: x, network_mode: '{mode}', ports: [80]}}}}")) == []
    assert ports(read("services: {a: {image: x, network_mode: bridge, ports: [80]}}")) != []


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("['8080:80']", [8080]),  # the same mapping is one
        ("['9090:80']", [8080, 9090]),
        ("!override ['9090:80']", [9090]),
        ("!reset []", []),
        ("!reset null", []),
    ],
)
def test_an_override_files_ports(override: str, expected: list[int]) -> None:
    files = {"compose.override.yaml": f"services: {{a: {{ports: {override}}}}}\n"}
    extraction = read("services: {a: {image: x, ports: ['8080:80']}}\n", files)
    assert [port.host for port in extraction.targets[0].ports] == expected


def test_a_port_of_unknown_value_is_passed_over() -> None:
    extraction = read("services: {a: {image: x, ports: ['$P:80', '81']}}")
    assert ports(extraction) == [("", None, 81, "tcp")]
    (problem,) = extraction.problems
    assert problem.skipped
    assert problem.message == "the port '$P:80' needs P and was not judged"


def test_a_host_of_ports_is_capped() -> None:
    extraction = read("services: {a: {image: x, ports: ['1-60000:1-60000']}}")
    assert len(extraction.targets[0].ports) == 4096
    assert "more than 4096 ports" in extraction.problems[0].message


def test_ports_of_services_that_are_only_built() -> None:
    extraction = read("services: {a: {build: 'https://x/y.git', ports: ['8080:80']}}")
    assert extraction.targets == ()
    (port,) = extraction.ports
    assert isinstance(port, Port)
    assert (port.host, port.container) == (8080, 80)


@pytest.mark.parametrize(
    ("policy", "is_built"),
    [
        ("", True),
        ("pull_policy: build, ", True),
        ("pull_policy: missing, ", True),
        ("pull_policy: always, ", False),
        ("pull_policy: daily, ", False),
        ("pull_policy: every_12h, ", False),
        ("extends: {service: base}, ", False),
        ("extends: {service: base}, pull_policy: build, ", True),
    ],
)
def test_what_is_pulled_although_it_could_be_built(policy: str, is_built: bool) -> None:
    """`docker compose up` pulls it: compose's `mustPull`."""
    text = (
        f"services:\n  a: {{{policy}image: 'quay.io/a/b:1', build: .}}\n"
        "  base: {pull_policy: always}\n"
    )
    (target,) = read(text, {"Dockerfile": "FROM scratch\n"}).targets
    assert ("built" in target.facts) is is_built


def test_version_1_layout() -> None:
    text = "web:\n  image: nginx:1\ndb:\n  build: 'https://x/y'\n"
    assert shown(read(text)) == ["compose.yaml:2:10 nginx:1 -> docker.io/library/nginx:1"]


def test_image_volumes_and_build_sources() -> None:
    extraction = read(
        """services:
  a:
    image: app
    build:
      context: https://example.com/x.git
      cache_from: [alpine:3, "type=registry,ref=ghcr.io/o/c:1", "type=local,src=x", "type=gha"]
      additional_contexts:
        base: docker-image://debian:12
        other: ./x
    volumes: [{type: image, source: busybox:1, target: /x}, {type: bind, source: y:1}]
  b: {build: {context: "git@x:y", additional_contexts: ["base=docker-image://debian:11"]}}
  c:
    build:
      context: git@x:y
      additional_contexts: [base=docker-image://scratch]
      cache_from: ["ref=ghcr.io/o/d:1,type=registry"]
"""
    )
    assert shown(extraction) == [
        "compose.yaml:6:20 alpine:3 -> docker.io/library/alpine:3",
        "compose.yaml:6:49 ghcr.io/o/c:1 -> ghcr.io/o/c:1",
        "compose.yaml:8:30 debian:12 -> docker.io/library/debian:12",
        "compose.yaml:3:12 app -> docker.io/library/app:latest",
        "compose.yaml:10:37 busybox:1 -> docker.io/library/busybox:1",
        "compose.yaml:11:78 debian:11 -> docker.io/library/debian:11",
        "compose.yaml:16:25 ghcr.io/o/d:1 -> ghcr.io/o/d:1",
    ]
    assert extraction.targets[3].facts == {"built": "a"}


def test_what_a_service_pulls_beside_its_image_is_inherited() -> None:
    base = """services:
  base:
    image: redis:7
    volumes: [{type: image, source: "alpine:${V:-3}", target: /x}]
    pre_start: [{image: debian:12}, {command: [true]}]
"""
    text = """services:
  app:
    extends: {file: base.yaml, service: base}
    pre_start:
    - {image: busybox:1.36, command: x}
    post_start: [{command: x, image: "no:1"}]
"""
    assert sorted(shown(read(text, {"base.yaml": base}))) == [
        "base.yaml:3:12 redis:7 -> docker.io/library/redis:7",
        "base.yaml:4:38 alpine:${V:-3} -> docker.io/library/alpine:3",
        "base.yaml:5:25 debian:12 -> docker.io/library/debian:12",
        "compose.yaml:5:15 busybox:1.36 -> docker.io/library/busybox:1.36",
    ]


def test_inline_ignores_reach_their_targets() -> None:
    extraction = read(
        'services:\n  a:\n    # tagwatch: ignore=tag-latest reason="x"\n    image: redis\n'
        "  b: {image: x}\n"
    )
    assert [len(target.ignores) for target in extraction.targets] == [1, 0]
    assert extraction.ignores[0].rules == ("tag-latest",)


@pytest.mark.parametrize(
    "text", ["", "- a\n", "services: 1\n", "services: {a: 1, b: [x]}\n", "a\n"]
)
def test_other_shapes_name_nothing(text: str) -> None:
    extraction = read(text)
    assert (extraction.targets, extraction.problems) == ((), ())


def test_not_yaml_is_a_problem() -> None:
    extraction = read("services:\n  a:\n    image: redis:7\n  b: [\n")
    assert shown(extraction) == ["compose.yaml:3:12 redis:7 -> docker.io/library/redis:7"]
    assert extraction.problems[0].message.startswith("not YAML from here on")


def test_a_build_supplies_arguments_and_target() -> None:
    files = {
        "app/Dockerfile": "ARG BASE=debian:11\nARG V\nFROM $BASE AS a\nFROM node:$V AS b\n"
        "FROM x AS c\n",
        ".env": "NODE=22\n",
    }
    text = """\
services:
  a: {build: {context: app, target: a, args: {BASE: "debian:12"}}}
  b: {build: {context: app, target: b, args: ["V=$NODE", NOTSET]}}
  c: {build: {context: app, target: b, args: {V: $UNKNOWN}}}
  d: {build: {context: app, target: c, additional_contexts: {x: "docker-image://y:1"}}}
"""
    extraction = read(text, files)
    pulled = [one for one in extraction.targets if not is_replaced(one)]
    assert len(extraction.targets) == len(pulled) + 1
    assert shown(replace(extraction, targets=pulled)) == [
        "app/Dockerfile:3:6 $BASE -> docker.io/library/debian:12",
        "app/Dockerfile:4:6 node:$V -> docker.io/library/node:22",
        "app/Dockerfile:4:6 node:$V -> missing V",
        "compose.yaml:5:81 y:1 -> docker.io/library/y:1",
    ]


def test_inline_dockerfiles() -> None:
    extraction = read(
        "services:\n  a:\n    build:\n      dockerfile_inline: |\n        FROM busybox:$$V\n"
        "        # é\n        FROM alpine:${A:-3}\n"
        "  b: {build: {dockerfile_inline: FROM redis:7}}\n"
        "  c: {build: {dockerfile_inline: 'FROM redis:$NO'}}\n"
    )
    assert shown(extraction) == [
        "compose.yaml:5:14 busybox:$$V -> missing V",
        "compose.yaml:7:14 alpine:${A:-3} -> docker.io/library/alpine:3",
        "compose.yaml:8:39 redis:7 -> docker.io/library/redis:7",
    ]
    assert {target.kind for target in extraction.targets} == {"from"}
    assert any("Dockerfile is not here" in problem.message for problem in extraction.problems)


def test_values_that_more_is_made_of_are_marked() -> None:
    files = {".env": "A=1\nB=2\nC=3\n"}
    extraction = read(
        "services:\n  a: {image: 'x:$A'}\n  b: {image: 'y:$A'}\n"
        "  c: {image: 'x:$B', command: '$B'}\n  d: {image: 'x:${C}'}\n",
        files,
    )
    assert [(target.fields[0].text, target.fields[0].shared) for target in extraction.targets] == [
        ("1", "reference"),
        ("1", "reference"),
        ("2", "stage"),
        ("3", ""),
    ]


def test_an_extended_file_takes_the_project_s_environment() -> None:
    files = {
        "sub/base.yaml": "services: {a: {image: 'x:$T'}}\n",
        "sub/.env": "T=sub\n",
        ".env": "T=project\nF=sub/base.yaml\n",
    }
    extraction = read("services: {a: {extends: {file: $F, service: a}}}\n", files)
    assert shown(extraction) == ["sub/base.yaml:1:24 x:$T -> docker.io/library/x:project"]


@pytest.mark.parametrize(
    ("head", "is_compose"),
    [
        (b"runs:\n  using: docker\n  image: docker://redis:7\n", False),
        (b"extraContainers:\n  - name: a\n    image: busybox:1.36\n", False),
        (b"x:\n  web:\n    image: busybox:1.36\n", False),
        (b"packages:\n  # c\n\n  config:\n    image: [a]\n", False),
        (b"web:\n  # c\n  ports: [80]\n  image: a:1\ndb:\n  'image': b:2\n", True),
        (b"web:\n  build: .\n  links:\n    - db\n", True),
    ],
)
def test_what_is_a_service_without_services(head: bytes, is_compose: bool) -> None:
    assert compose.recognizes("x.yaml", head) is is_compose


def test_what_extends_a_service_of_another_profile_does_not_start_with_it() -> None:
    extraction = read(
        "services:\n"
        "  base: {image: x, ports: ['80:80'], profiles: [none]}\n"
        "  a: {extends: base, profiles: [a]}\n"
        "  b: {extends: base}\n"
    )
    published = {port.service: port.profiles for one in extraction.targets for port in one.ports}
    assert published == {"base": ("none",), "a": ("a",), "b": ("none",)}
