"""What vdiff offers through its own hooks, as any plug-in would."""
