"""A port is published on every interface of the host, because no host address is given.

Docker's own firewall rules go before the host's, so that such a port is open to the network even
where the firewall closes it. Databases and queues are errors. The ports in `allow_ports` are
meant to be public; a port that is only exposed (`expose:`) is not published.

Example: `ports: ["8080:80"]`: "web publishes 8080:80 on every interface".

Risk: whoever reaches the host reaches the service; many a database was found so.
Remedy: write `127.0.0.1:5432:5432`, and let a proxy publish what is public.
Source: CIS Docker Benchmark 5.14 (5.13 before 1.6); docker/docs issue 22368.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import FileSubject, Option, Rule, RuleScope, Statement, row
from tagwatch.audit.rule.published import is_everywhere, mapping, published

__all__ = ["RULE", "check"]

_DATASTORES = {
    1433: "SQL Server", 1521: "Oracle", 2379: "etcd", 3306: "MySQL", 5432: "PostgreSQL",
    5672: "AMQP", 5984: "CouchDB", 6379: "Redis", 7687: "Neo4j", 8086: "InfluxDB", 8529: "ArangoDB",
    9042: "Cassandra", 9092: "Kafka", 9200: "Elasticsearch", 11211: "memcached",
    26257: "CockroachDB", 27017: "MongoDB", 28015: "RethinkDB",
}  # fmt: skip


def check(subject: FileSubject) -> Iterator[Statement]:
    """Report mappings on every interface, except those of allowed ports alone."""
    allowed = subject.options["allow_ports"]
    for one in published(subject):
        if not is_everywhere(one.port) or all(port.host in allowed for port in one.ports):
            continue
        stores = (_DATASTORES.get(port.container) for port in one.ports)
        store = next(filter(None, stores), None) if one.port.protocol == "tcp" else None
        what = f" ({store})" if store else ""
        yield Statement(
            message=f"{one.service} publishes {one}{what} on every interface",
            remedy=f"write {mapping(one.ports, '127.0.0.1')}, or the address that is meant",
            severity=Severity.ERROR if store else None,
            target=one.target,
            location=one.location,
            subject=str(one),
        )


RULE = Rule(
    **row("port-all-interfaces"),
    title="port published on every interface",
    scope=RuleScope.FILE,
    options={
        "allow_ports": Option(
            default=(80, 443), about="host ports that are meant to be public", item=int
        )
    },
    check=check,
)
