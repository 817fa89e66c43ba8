FROM localhost/a
FROM [::1]:5000/a/b:1
FROM registry.example.com:5000/a
FROM a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
FROM a:b:c
FROM Upper/case
FROM upper/Case
FROM a@sha256:short
