"""Makers of devices: their models, and when theirs lock a client out.

The lock-outs are those of published reports and manuals; TP-Link tells its own over the local web
API (ten tries in the one example there is), and its ten minutes are made up.
"""

from typing import Any

from devices.virtual.spec import Vendor

MODELS = {
    (Vendor.TP_LINK, "nvr"): ("VIGI NVR1008H", "VIGI NVR1016H"),
    (Vendor.TP_LINK, "camera"): ("VIGI C340", "VIGI C440", "VIGI C540V", "VIGI C330I"),
    (Vendor.HIKVISION, "nvr"): ("DS-7608NI-K2", "DS-7616NI-I2"),
    (Vendor.HIKVISION, "camera"): ("DS-2CD2143G2-I", "DS-2CD2386G2-IU"),
    (Vendor.DAHUA, "nvr"): ("DHI-NVR4108HS", "DHI-NVR5216"),
    (Vendor.DAHUA, "camera"): ("IPC-HDW2431T", "IPC-HFW2831S"),
}

LOCKOUTS: dict[tuple[Vendor, str], dict[str, Any]] = {
    (Vendor.TP_LINK, "nvr"): {"lockout_tries": 10, "lockout_seconds": 600},
    (Vendor.TP_LINK, "camera"): {"lockout_tries": 10, "lockout_seconds": 600},
    (Vendor.HIKVISION, "nvr"): {"lockout_tries": 7, "lockout_seconds": 60},
    (Vendor.HIKVISION, "camera"): {
        "lockout_tries": 7, "lockout_tries_others": 5, "lockout_seconds": 1800},
    (Vendor.DAHUA, "nvr"): {"lockout_tries": 5, "lockout_seconds": 300},
    (Vendor.DAHUA, "camera"): {"lockout_tries": 5, "lockout_seconds": 300},
}  # fmt: skip
