FROM a:1
RUN << 'EOF'
FROM decoy:1
EOF
FROM b:2
