"""The distribution given clicks and conditions."""
