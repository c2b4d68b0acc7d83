"""The networks: written once over an abstract set of operations, run by any backend."""
