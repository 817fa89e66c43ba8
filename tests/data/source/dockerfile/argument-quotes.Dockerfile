ARG A="al""pine" B='3'".2"0 C=3.\1
FROM "$A:$B"
FROM 'busybox':"1"
FROM alpine:$C
