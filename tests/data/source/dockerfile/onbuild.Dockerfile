FROM a:1 AS deps
FROM b:1
onbuild copy --from=deps / /
ONBUILD COPY --from=redis:7 / /
ONBUILD RUN --mount=from=busybox,target=/b true
