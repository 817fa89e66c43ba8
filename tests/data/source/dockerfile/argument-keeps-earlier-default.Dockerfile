ARG R=quay.io
ARG R
FROM $R/x:1
