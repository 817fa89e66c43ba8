FROM scratch
RUN --mount=source=/한국𝄞,from=a:1,target=/a true
# é
COPY --chown=é --from=b:1 /a /b
