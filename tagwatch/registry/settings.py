"""What may be set for one registry (`registries.<host>` of the configuration)."""

from __future__ import annotations

from datetime import timedelta

from tagwatch.value import dataclass

__all__ = ["RegistrySettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """Only what differs from the built-in table; no secret stands here.

    `endpoint`, `catalogue_endpoint`: `scheme://host[:port][/prefix]`; `http://` allows plain HTTP
    to that host and port alone. `insecure`: the registry may be spoken to without a verified
    certificate and, where it offers no TLS at all, over plain HTTP. `credential`: a name of
    `family.CREDENTIALS`, or `anonymous`; naming one here also says that `endpoint` may be given
    what is stored for the registry's own name. `kind`: a kind of `family.REGISTRIES`.
    `token_hosts`: `[scheme://]host[:port]` of token servers elsewhere that may receive this
    registry's credentials. `redirect_hosts`: the same form, for storage at private addresses;
    they never receive credentials. `namespace`: send `ns=<registry>` (containerd's mirrors).
    `budget`: pulls (manifest GETs) one run may spend. `full_sweep`: how often every tag is listed
    although only the newest changed. `concurrency`: requests under way at once, each on a kept
    connection; eight are what public registries bear, and a far one of one's own answers as many
    times more as it is given slots, up to 64. `timeout_seconds` is for one attempt and its answer;
    no other attempt begins `patience_seconds` after the first one: waiting for a turn is not meant.
    `public_only`: the registry was named by nobody whom we trust, and must be at a public address.
    """

    endpoint: str | None = None
    catalogue_endpoint: str | None = None
    insecure: bool = False
    credential: str | None = None
    kind: str | None = None
    concurrency: int = 8
    requests_per_second: float | None = None
    ca_file: str | None = None
    client_certificate: str | None = None
    token_hosts: tuple[str, ...] = ()
    redirect_hosts: tuple[str, ...] = ()
    namespace: bool = False
    budget: int | None = None
    full_sweep: timedelta = timedelta(days=7)
    timeout_seconds: float = 30.0
    patience_seconds: float = 60.0
    public_only: bool = False
