ARG I=quay.io/team/app:1.2.3
FROM ${I%:*}:9
FROM ${I##*/}
FROM ${I#*/}
FROM ${I%.*}
FROM ${I/team/other}
FROM ${I//./-}
