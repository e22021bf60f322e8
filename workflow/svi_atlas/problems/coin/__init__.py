"""The fairness of a coin: a Bernoulli probability under a uniform prior."""
