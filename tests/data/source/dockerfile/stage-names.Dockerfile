FROM a:1 AS Build
FROM build
FROM Build
COPY --from=BUILD / /
COPY --from=build / /
RUN --mount=from=bUiLd,target=/x true
