ARG B=a:1
FROM $B
ARG B=decoy:9
ARG L=decoy:8
ENV M=decoy:7
FROM $B
FROM ${L:-b:2}
FROM $M
