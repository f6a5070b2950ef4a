"""Why a stream lags: facts of one look of some seconds in, verdicts out. Pure."""
