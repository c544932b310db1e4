"""From results to done/, and from refusals to failed/."""
