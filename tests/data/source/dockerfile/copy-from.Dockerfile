FROM scratch
COPY --link --from=redis:7 --chown=1:1 /a /b
copy --from="nginx:1.25" /a /b
COPY "--from=decoy:1" /b
COPY /a --from=decoy:2 /b
COPY --from=$X /a /b
COPY --from= /a /b
COPY --from=quay.io/a/b:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef [ "/a", "/b" ]
COPY -- --from=decoy:3 /b
