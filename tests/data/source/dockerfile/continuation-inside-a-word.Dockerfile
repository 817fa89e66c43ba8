FROM alp\
ine:3.\
17
