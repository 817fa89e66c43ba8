FROM a:1 AS a
FROM a AS b
COPY --from=a:1 / /
