FROM a:1
COPY --from=b:1 /x
FROM c:1
