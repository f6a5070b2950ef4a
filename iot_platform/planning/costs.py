"""What it costs a month, when there are prices."""

from __future__ import annotations

from collections.abc import Iterator

from iot_platform.planning.lines import Line, Sized, line

_COST = "cost"
_MONTH_HOURS = 730.5
_GB = 1e9
_KEPT = ("kafka_disk", "warehouse_disk", "copy_disk", "ids_disk")


def cost_lines(sized: Sized) -> Iterator[Line]:
    """None without prices."""
    prices, policy = sized.case.prices, sized.case.policy
    if prices is None:
        return
    machines = sized.value("brokers") + sized.value("machines")
    hour = policy.machine_cores * prices.vcpu_hour + policy.machine_memory / _GB * prices.memory_gb_hour
    disk = sum(sized.value(name) for name in _KEPT) / policy.full / _GB * prices.disk_gb_month
    egress = sized.value("network_outside") * _MONTH_HOURS * 3_600 / _GB * prices.egress_gb
    computing = machines * hour * _MONTH_HOURS
    of_machines = (
        *sized.of("brokers", "machines"), "machine_cores", "machine_memory", "vcpu_hour", "memory_gb_hour",
    )  # fmt: skip
    of_disk = (*sized.of(*_KEPT), "full", "disk_gb_month")
    of_egress = (*sized.of("network_outside"), "egress_gb")
    yield line(_COST, "cost_machines", computing, "money", f"a month for {machines:,.0f} machines", *of_machines)
    yield line(_COST, "cost_disk", disk, "money", "a month for disk, headroom included", *of_disk)
    yield line(_COST, "cost_egress", egress, "money", "a month for what readers outside take", *of_egress)
    yield line(_COST, "cost", computing + disk + egress, "money", "a month in all", *of_machines, *of_disk, *of_egress)
