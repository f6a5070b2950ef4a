"""What the source's own list promises: judged by the product's own means, under the name the suite knows."""

from iot_platform.pipeline.promise import Promise, Verdict, compare, read_promise

__all__ = ["Promise", "Verdict", "compare", "read_promise"]
