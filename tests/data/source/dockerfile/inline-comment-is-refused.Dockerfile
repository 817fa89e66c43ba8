FROM a:1 # comment
FROM b:1
