// syntax=example.com/frontend:2
