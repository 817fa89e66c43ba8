FROM a:1
RUN echo \\
FROM b:2
