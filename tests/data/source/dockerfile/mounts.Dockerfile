FROM scratch
RUN --mount=type=cache,from=a:1,target=/a \
    --network=none --mount=target=/b,from=b:1 \
    --mount=type=secret,id=x --mount="type=bind,from=c:1,target=/c" \
    x --mount=from=decoy:1
RUN --mount=from=$V,target=/d x
RUN --mount=FROM=d:1,target=/d --mount=\"from=e:1\",target=/e x
RUN --mount=from=f:1,from=g:1,target=/f x
RUN --mount=from=,target=/g x
