FROM a:1
RUN ["cat", "<<EOF"]
FROM b:2
