"""What a registry wants of somebody who asks: challenges, tokens, the Authorization header."""
