"""Alerts: signals come in, rules say which of them matter, a lifecycle makes incidents and notices of them.

`signals`, `rules`, `lifecycle` and `texts` are pure; `sender` speaks to the outside, through Apprise.
"""
