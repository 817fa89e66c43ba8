FROM golang AS golang
FROM golang
