FROM scratch
ADD --from=redis:7 /a /b
