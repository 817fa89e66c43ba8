ARG N
FROM a:${N:?}
FROM a:${M?}
