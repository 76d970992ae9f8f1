"""What is judged. `registry` has all rules; it is loaded only where rules are asked, for there are many."""
