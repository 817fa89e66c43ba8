ARG TARGETARCH=riscv64
FROM --platform=linux/arm64 a:$TARGETARCH
