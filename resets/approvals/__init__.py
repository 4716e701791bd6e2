"""What a second person has to agree to, and what one may do alone when it cannot wait."""
