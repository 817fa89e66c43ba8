# escape=`
# escape=`
FROM a:1
