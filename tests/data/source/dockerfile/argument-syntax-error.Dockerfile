FROM a:${
FROM b:${V:=1}
FROM c:${V|x}
FROM d:1
