FROM a:1
RUN x \