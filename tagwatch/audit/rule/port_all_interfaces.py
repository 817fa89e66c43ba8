"""A port is published on every interface of the host, because no host address is given.

Docker's own firewall rules go before the host's, so that such a port is open to the network even
where the firewall closes it. Databases, queues and Docker's API without TLS are errors; what
manages, debugs or connects the parts of a system is a warning; any other port may be what the
service is there for, and is a note.
The ports in `allow_ports` are meant to be public; a port that is only exposed (`expose:`) is not
published. A swarm publishes on all of its nodes and binds no address: only databases are reported
there. What lives on broadcasts and multicasts (DHCP, mDNS), and a VPN's own port, works on no other
address, and is not reported.

Example: `ports: ["8080:80"]`: "web publishes 8080:80 on every interface".

Risk: whoever reaches the host reaches the service; many a database was found so.
Remedy: write `127.0.0.1:5432:5432`, and let a proxy publish what is public; in a swarm leave the
port out where only other services need it.
Source: CIS Docker Benchmark 5.14 (5.13 before 1.6); docker/docs issue 22368.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import FileSubject, Option, Rule, RuleScope, Statement, row
from tagwatch.audit.rule.published import is_everywhere, mapping, published

__all__ = ["RULE", "check"]

_DATASTORES = {
    1433: "SQL Server", 1521: "Oracle", 2375: "Docker's API without TLS", 2379: "etcd",
    3306: "MySQL", 5432: "PostgreSQL", 5672: "AMQP", 5984: "CouchDB", 6379: "Redis", 7687: "Neo4j",
    8086: "InfluxDB", 8529: "ArangoDB", 9042: "Cassandra", 9092: "Kafka", 9200: "Elasticsearch",
    11211: "memcached", 26257: "CockroachDB", 27017: "MongoDB", 28015: "RethinkDB",
}  # fmt: skip
# ZooKeeper, Docker, etcd's peers, JVM and Node debuggers, Elasticsearch's and Logstash's own, NFS,
# LDAP, MQTT, NATS, ActiveMQ, RabbitMQ's management, Consul, kubelet, Spark, Jupyter, Ollama,
# ClickHouse, Qdrant, Milvus: who may reach them often needs no login.
_INSIDE = frozenset({2181, 2376, 2380, 5005, 9229, 9300, 9600, 2049, 389, 1883, 4222, 61616})
_INSIDE |= {15672, 8500, 10250, 7077, 8888, 11434, 8123, 6333, 19530}
# TFTP with DHCP, NetBIOS, DHCPv6, SSDP, mDNS, LLMNR: their clients ask all, or a group.
# IPsec, OpenVPN, WireGuard: there to be reached from outside.
_ASKED_BY_ALL = frozenset({67, 68, 69, 137, 138, 546, 547, 1900, 5353, 5355})
_ASKED_BY_ALL |= {500, 1194, 4500, 51820}
_SWARM = "leave it out where only other services need it: a swarm binds no address of a node"


def check(subject: FileSubject) -> Iterator[Statement]:
    """Report mappings on every interface, except those of allowed ports alone."""
    allowed = subject.options["allow_ports"]
    for one in published(subject):
        if not is_everywhere(one.port) or all(port.host in allowed for port in one.ports):
            continue
        is_tcp = one.port.protocol == "tcp"
        if not is_tcp and all(port.container in _ASKED_BY_ALL for port in one.ports):
            continue
        stores = (_DATASTORES.get(port.container) for port in one.ports)
        store = next(filter(None, stores), None) if is_tcp else None
        what = f" ({store})" if store else ""
        is_swarm = one.port.swarm
        if is_swarm and store is None:
            continue
        where = "every node of the swarm" if is_swarm else "every interface"
        inside = next((port.container for port in one.ports if port.container in _INSIDE), None)
        local = f"write {mapping(one.ports, '127.0.0.1')}, or the address that is meant"
        yield Statement(
            message=f"{one.service} publishes {one}{what} on {where}",
            remedy=_SWARM if is_swarm else local,
            severity=Severity.ERROR if store else None if inside else Severity.NOTE,
            target=one.target,
            location=one.location,
            subject=str(one),
            # what these are there for differs: one of them is no word on another
            evidence={"inside": str(inside)} if inside and not store else {},
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
