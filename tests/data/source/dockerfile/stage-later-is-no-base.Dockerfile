FROM later
FROM a:1 AS later
FROM b:1
COPY --from=later / /
