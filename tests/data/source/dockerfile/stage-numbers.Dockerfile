FROM a:1
FROM b:1
COPY --from=0 / /
COPY --from=00 / /
COPY --from=7 / /
RUN --mount=from=0,target=/x true
FROM 1
