ARG A
ARG B=${A}
ARG C=x-$A
FROM $A
FROM a:$B
FROM $C:1
FROM a:${U}${V}
FROM a:${N:?need N}
FROM ok:1
