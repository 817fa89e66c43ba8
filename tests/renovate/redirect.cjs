// Loaded into Renovate with --require: every https request goes to the registry that stands in.
// TAGWATCH_RENOVATE_HOSTS: JSON, host -> port on 127.0.0.1. A host that is not there is refused.
const http = require("node:http");
const https = require("node:https");

const ports = JSON.parse(process.env.TAGWATCH_RENOVATE_HOSTS);

https.request = (url, options, answer) => {
  const where = typeof url === "string" || url instanceof URL ? new URL(url) : null;
  const asked = { ...(where ? options : url) };
  const name = (where?.hostname ?? asked.hostname ?? asked.host ?? "").split(":")[0];
  const path = where ? where.pathname + where.search : asked.path;
  const port = ports[name.endsWith(".docker.io") ? "docker.io" : name] ?? 1;
  const plain = { method: asked.method, headers: { ...asked.headers, host: name }, path };
  return http.request({ ...plain, host: "127.0.0.1", port }, where ? answer : options);
};
https.get = (...args) => {
  const request = https.request(...args);
  request.end();
  return request;
};
require("node:module").syncBuiltinESMExports();
