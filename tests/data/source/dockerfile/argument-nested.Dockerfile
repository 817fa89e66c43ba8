ARG R=quay.io
ARG B=${R}/app:${T:-7}
ARG B=${B}-x
FROM ${A:-${B}}
