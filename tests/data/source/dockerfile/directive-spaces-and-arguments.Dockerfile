#   SYNTAX  =  docker/dockerfile:1 more words
FROM a
