FROM a:1
RUN echo "<<EOF"
FROM b:2
