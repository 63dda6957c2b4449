"""What a configuration costs: operator tables to MACs, bytes and cycles."""
