FROM a:1
RUN x && \

FROM decoy:1
