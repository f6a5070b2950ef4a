"""The state of the cluster, as pure decisions over one look and its course."""
