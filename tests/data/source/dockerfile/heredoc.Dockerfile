FROM a:1
RUN <<A cat <<-"B C" && x
FROM decoy:1
A
FROM decoy:2
	B C
COPY <<E1 <<E2 /x/
E2
E1
FROM decoy:3
E2 
E2
FROM b:2
