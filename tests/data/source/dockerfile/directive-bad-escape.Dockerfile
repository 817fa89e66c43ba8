# escape=x
FROM a:1
