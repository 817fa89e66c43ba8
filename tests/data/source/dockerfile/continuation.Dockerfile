FROM \
  # a comment \

  --platform=linux/arm64 \
	a:1 \  
  as b
FROM b
