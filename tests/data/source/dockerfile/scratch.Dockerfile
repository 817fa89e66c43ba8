ARG S=scratch
FROM scratch
FROM $S
COPY --from=scratch / /
FROM scratch:latest
FROM SCRATCH
