FROM a:1 AS 한국
FROM a:1
