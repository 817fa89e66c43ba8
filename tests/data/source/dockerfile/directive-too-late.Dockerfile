
# syntax=docker/dockerfile:1
# escape=`
FROM a:1 \
 AS b
