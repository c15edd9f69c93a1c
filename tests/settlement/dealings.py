"""How many dealings with merchants the properties of settlement try: a test tries few, `yuefu prove parties` as many as `YUEFU_DEALINGS` says."""

import os


def dealings(usual: int) -> int:
    return int(os.environ.get("YUEFU_DEALINGS", str(usual)))
