"""From statistics to judgements: verdicts, rankings, recommendations, error rates."""
