"""A fleet of simulated guests under one real Prometheus: what it costs, and how quickly dashboards answer."""
