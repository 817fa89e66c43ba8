"""Cases of the rules about ports, and of the engine itself: where each speaks, and the traps."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tagwatch.audit.model.evidence import Status
from tagwatch.audit.model.policy import (
    Policy,
    PolicyIgnore,
    RuleSettings,
)
from tagwatch.image.snapshot import Failure
from tagwatch.source.target import Problem
from tests.audit_case import evidence, instruction, place, seen, unread
from tests.contract.rule_case import (
    BUILT,
    ERROR,
    FULL,
    HUB,
    NOTE,
    WARNING,
    WATCHED,
    Said,
    facts,
    ignored,
    port,
    service,
    speaks,
)

__all__ = ["CASES"]

UNUSABLE = Failure(repository=HUB, tag="6.2.24", code="invalid-document", message="an empty index")
CHART = Failure(repository=HUB, tag=UNUSABLE.tag, code="no-image", message="it is no image")

CASES: dict[str, tuple[Said, ...]] = {
    "port-all-interfaces": (
        Said(
            why="a web server",
            targets=(service("web", port(80, 8080)),),
            expect=speaks("web publishes 8080:80", "127.0.0.1:8080:80", severity=NOTE),
        ),
        Said(
            why="what manages a queue",
            targets=(service("queue", port(15672, 15672)),),
            expect=speaks("queue publishes 15672:15672", severity=WARNING),
        ),
        Said(
            why="who reaches Docker has the host",
            targets=(service("dind", port(2375, 2375)),),
            expect=speaks("dind publishes 2375:2375 (Docker's API", severity=ERROR),
        ),
        Said(
            why="a database",
            targets=(service("db", port(5432, 5432, host_ip="0.0.0.0")),),
            expect=speaks("PostgreSQL", severity=ERROR),
        ),
        Said(
            why="IPv6",
            targets=(service("web", port(80, 8080, host_ip="::")),),
            expect=speaks("[::]:8080:80"),
        ),
        Said(
            why="a chosen port is open, too",
            targets=(service("db", port(6379)),),
            expect=speaks("Redis", severity=ERROR),
        ),
        Said(
            why="a range is told once, and says what it holds",
            targets=(service("db", *(port(n, n, location=place()) for n in range(5430, 5440))),),
            expect=speaks("5430-5439:5430-5439 (PostgreSQL)", severity=ERROR),
        ),
        Said(
            why="a service that is only built has a name",
            targets=(FULL,),
            ports=(port(80, 8080, service="api"),),
            expect=speaks("api publishes 8080:80"),
        ),
        Said(
            why="a swarm's web port, which can bind no address",
            targets=(service("web", port(80, 8080, swarm=True)),),
        ),
        Said(
            why="a swarm's database",
            targets=(service("db", port(5432, 5432, swarm=True)),),
            expect=speaks(
                "(PostgreSQL) on every node of the swarm", "leave it out", severity=ERROR
            ),
        ),
        Said(
            why="DNS over UDP has an address",
            targets=(service("dns", port(53, 53, protocol="udp")),),
            expect=speaks("127.0.0.1:53:53/udp"),
        ),
        Said(
            why="DHCP and a VPN are there for all",
            targets=(service("dhcp", *(port(n, n, protocol="udp") for n in (67, 547, 51820))),),
        ),
        Said(why="80 and 443", targets=(service("web", port(80, 80), port(443, 443)),)),
        Said(why="an address", targets=(service("db", port(5432, 5432, host_ip="127.0.0.1")),)),
        Said(why="nothing published", targets=(service("db"),)),
    ),
    "port-privileged-host": (
        Said(
            why="ssh's port",
            targets=(service("git", port(2222, 22, host_ip="127.0.0.1")),),
            expect=speaks("host port 22", severity=NOTE),
        ),
        Said(
            why="allowed or high", targets=(service("web", port(80, 80), port(80, 8080), port(80)),)
        ),
    ),
    "port-conflict": (
        Said(
            why="all of IPv4 and all of IPv6 are two",
            targets=(
                service("a", port(80, 80, host_ip="0.0.0.0")),
                service("b", port(80, 80, host_ip="::")),
            ),
        ),
        Said(
            why="no address is all of both",
            targets=(service("a", port(80, 80, host_ip="::1")), service("b", port(80, 80))),
            expect=speaks("b publishes 80:80, and a already has [::1]:80:80"),
        ),
        Said(
            why="one service twice",
            targets=(service("a", port(80, 80), port(81, 80)),),
            expect=speaks("a publishes 80:81, and already has 80:80"),
        ),
        Said(
            why="the same port",
            targets=(
                service("a", port(80, 8080, location=place("compose.yaml", 4))),
                service("b", port(81, 8080), line=9),
            ),
            expect=speaks("b publishes 8080:81", "a already has 8080:80 in line 4", severity=ERROR),
        ),
        Said(
            why="everywhere meets one address",
            targets=(
                service("a", port(80, 8080, host_ip="127.0.0.1")),
                service("b", port(81, 8080, host_ip="0.0.0.0")),
            ),
            expect=speaks("b publishes"),
        ),
        Said(
            why="tcp and udp",
            targets=(service("a", port(53, 53)), service("b", port(53, 53, protocol="udp"))),
        ),
        Said(
            why="two addresses",
            targets=(
                service("a", port(80, 80, host_ip="127.0.0.1")),
                service("b", port(80, 80, host_ip="127.0.0.2")),
            ),
        ),
        Said(
            why="two profiles",
            targets=(
                service("a", port(80, 80, profiles=("x",))),
                service("b", port(80, 80, profiles=("y",))),
            ),
        ),
        Said(
            why="a profile and always",
            targets=(service("a", port(80, 80)), service("b", port(80, 80, profiles=("y",)))),
            expect=speaks("already has"),
        ),
        Said(why="the engine chooses", targets=(service("a", port(80)), service("b", port(80)))),
        Said(
            why="three containers, one host port",
            targets=(service("a", port(80, 8080, service="a", scale=3)),),
            expect=speaks("a publishes 8080:80 on one", "scale: 3", severity=ERROR),
        ),
        Said(
            why="replicas, which a swarm could run",
            targets=(service("a", port(80, 8080, service="a", replicas=3)),),
            expect=speaks("deploy.replicas: 3", severity=WARNING),
        ),
        Said(
            why="a range that is too small",
            targets=(service("a", port(80, among=(8080, 8081), scale=3)),),
            expect=speaks("2 host ports", "a range of 3"),
        ),
        Said(
            why="a range that is large enough, and no host port",
            targets=(service("a", port(80, among=(8080, 8082), scale=3), port(81, scale=3)),),
        ),
        Said(
            why="two services through one anchor",
            targets=(
                service(
                    "a",
                    port(80, 80, service="a", location=place("compose.yaml", 4)),
                    port(80, 80, service="b", location=place("compose.yaml", 4)),
                ),
            ),
            expect=speaks("b publishes 80:80, and a already has 80:80 in line 4"),
        ),
        Said(
            why="in another file of the project",
            targets=(
                service("a", port(80, 80, location=place("more.yaml", 4))),
                service("b", port(80, 80), line=9),
            ),
            expect=speaks("in more.yaml:4"),
        ),
        Said(
            why="a range meets one port in its middle, told once",
            targets=(
                service("a", port(5, 8080)),
                service("b", *(port(n, 8079 + n, location=place()) for n in range(9))),
            ),
            expect=speaks("b publishes 8079-8087:0-8", "8080:5"),
        ),
    ),
    "port-undeclared": (
        Said(
            why="the same number, another protocol",
            targets=(replace(FULL, ports=(port(53, 53, protocol="udp"),)),),
            facts=(evidence(FULL, platforms=(facts(exposed_ports=("53/tcp", "x", "9-y")),)),),
            expect=speaks("53:53/udp is published, and redis:6.2.24 exposes"),
        ),
        Said(
            why="exposed on one platform is enough",
            targets=(replace(FULL, ports=(port(80, 80),)),),
            facts=(
                evidence(
                    FULL,
                    platforms=(
                        facts(exposed_ports=("443",)),
                        facts("linux/arm64", exposed_ports=("80",)),
                    ),
                ),
            ),
        ),
        Said(
            why="another port",
            targets=(replace(FULL, ports=(port(80, 8080),)),),
            facts=(evidence(FULL, platforms=(facts(exposed_ports=("6379/tcp",)),)),),
            expect=speaks("8080:80", "exposes 6379/tcp", severity=NOTE),
        ),
        Said(
            why="exposed",
            targets=(replace(FULL, ports=(port(6379, 1),)),),
            facts=(evidence(FULL, platforms=(facts(exposed_ports=("6379/tcp",)),)),),
        ),
        Said(
            why="a range",
            targets=(replace(FULL, ports=(port(8005, 1),)),),
            facts=(evidence(FULL, platforms=(facts(exposed_ports=("8000-8010",)),)),),
        ),
        Said(
            why="nothing exposed",
            targets=(replace(FULL, ports=(port(80, 1),)),),
            facts=(evidence(FULL, platforms=(facts(),)),),
        ),
        Said(
            why="not known", targets=(replace(FULL, ports=(port(80, 1),)),), facts=(evidence(FULL),)
        ),
    ),
    "port-suspicious": (
        Said(
            why="another protocol, another side",
            targets=(service("a", port(22, 2222, protocol="udp"), port(2222, 22)),),
        ),
        Said(
            why="no number is Docker's to refuse",
            targets=(FULL,),
            instructions=(instruction("EXPOSE", "http", "80-x", "1-"),),
        ),
        Said(
            why="ssh",
            targets=(FULL,),
            instructions=(instruction("EXPOSE", "22"),),
            expect=speaks("ssh", severity=WARNING),
        ),
        Said(
            why="no port",
            targets=(FULL,),
            instructions=(instruction("EXPOSE", "80000/tcp"),),
            expect=speaks("1 to 65535"),
        ),
        Said(
            why="ssh published", targets=(service("git", port(22, 2222)),), expect=speaks("2222:22")
        ),
        Said(
            why="below 1024, where asked for",
            targets=(FULL,),
            instructions=(instruction("EXPOSE", "80"),),
            policy=Policy(rules={"port-suspicious": RuleSettings(options={"privileged": True})}),
            expect=speaks("privileged", severity=NOTE),
        ),
        Said(
            why="80 is fine",
            targets=(FULL,),
            instructions=(instruction("EXPOSE", "80", "22/udp", "8000-8010"),),
        ),
        Said(
            why="a variable",
            targets=(FULL,),
            instructions=(instruction("EXPOSE", "$P", missing=("P",)),),
        ),
    ),
    "check-incomplete": (
        Said(
            why="refused",
            targets=(FULL,),
            facts=(unread(FULL),),
            case={
                "failures": (
                    Failure(
                        repository=HUB, code="denied", message="401 from docker.io", hint="log in"
                    ),
                )
            },
            expect=speaks(
                "redis:6.2.24 was not checked: 401", "log in", severity=WARNING, unknown=True
            ),
        ),
        Said(
            why="nothing stored", targets=(FULL,), expect=speaks("nothing is stored", unknown=True)
        ),
        Said(
            why="pass makes it a note",
            targets=(FULL,),
            policy=Policy(on_unavailable="pass"),
            expect=speaks("not checked", severity=NOTE, unknown=True),
        ),
        Said(
            why="a file",
            targets=(),
            case={"problems": (Problem(message="not YAML", location=place("a.yaml")),)},
            expect=speaks("not YAML", severity=ERROR, unknown=True),
        ),
        Said(
            why="what serves nothing that anybody can pull",
            targets=(FULL,),
            facts=(seen(FULL, failures=(UNUSABLE,)),),
            expect=speaks("nobody can pull it: an empty index", severity=ERROR, unknown=True),
        ),
        Said(
            why="a chart in the place of an image",
            targets=(FULL,),
            facts=(seen(FULL, failures=(CHART,)),),
            expect=speaks("was not checked: it is no image", severity=WARNING, unknown=True),
        ),
        Said(
            why="a chart that is watched",
            targets=(replace(FULL, kind=WATCHED.kind),),
            facts=(seen(FULL, failures=(CHART,)),),
        ),
        Said(why="read", targets=(FULL,), facts=(seen(FULL),)),
        Said(
            why="not found is an answer",
            targets=(FULL,),
            facts=(evidence(FULL, status=Status.NOT_FOUND),),
        ),
        Said(why="what the file builds", targets=(BUILT,)),
    ),
    "ignore-expired": (
        Said(
            why="past its day",
            targets=(ignored("2026-11-22"),),
            expect=speaks("expired on 2026-11-22", severity=WARNING),
        ),
        Said(
            why="of the policy, with its owner",
            targets=(FULL,),
            facts=(evidence(FULL),),
            policy=Policy(
                ignores=(
                    PolicyIgnore(
                        rule="tag-latest",
                        image="redis",
                        reason="r",
                        expires=date(2026, 1, 1),
                        owner="shop",
                    ),
                )
            ),
            expect=speaks("tag-latest redis", "owner: shop"),
        ),
        Said(why="its last day", targets=(ignored("2026-11-23"),)),
    ),
    "ignore-unused": (
        Said(
            why="nothing to take out",
            targets=(replace(FULL, ignores=ignored("2026-12-01").ignores),),
            facts=(evidence(FULL),),
            expect=speaks("took nothing out", severity=NOTE),
        ),
        Said(why="used", targets=(ignored("2026-12-01"),)),
        Said(
            why="expired is said once",
            targets=(replace(FULL, ignores=ignored("2026-01-01").ignores),),
        ),
    ),
}
