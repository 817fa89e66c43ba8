# nothing
ARG A=b:1
