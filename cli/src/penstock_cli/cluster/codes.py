"""The codes of what can be found on a cluster. docs/troubleshooting.md has a row for each; a test compares."""

from enum import StrEnum


class Code(StrEnum):
    """What is wrong."""

    VALUES_REFUSED = "values_refused"
    HELM_FAILED = "helm_failed"
    NO_RIGHTS = "no_rights"
    SECRET_MISSING = "secret_missing"
    NO_STORAGE = "no_storage"
    IMAGE_MISSING = "image_missing"
    IMAGES_UNTRIED = "images_untried"

    NOT_INSTALLED = "not_installed"
    NOT_IN_TIME = "not_in_time"
    NOT_HELMS = "not_helms"
    RELEASE_STUCK = "release_stuck"
    RELEASE_FAILED = "release_failed"
    MIGRATION_FAILED = "migration_failed"
    NO_PODS = "no_pods"
    AT_MAXIMUM = "at_maximum"
    NODE_UNWELL = "node_unwell"

    QUOTA = "quota"
    LIMIT_RANGE = "limit_range"
    POD_SECURITY = "pod_security"
    PODS_REFUSED = "pods_refused"
    POD_UNSCHEDULABLE = "pod_unschedulable"
    POD_MISCONFIGURED = "pod_misconfigured"
    POD_WAITS = "pod_waits"
    POD_NOT_READY = "pod_not_ready"
    POD_EVICTED = "pod_evicted"
    VOLUME_MISSING = "volume_missing"
    CRASH_LOOP = "crash_loop"
    OOM_KILLED = "oom_killed"

    KEDA_MISSING = "keda_missing"
    KEDA_DOWN = "keda_down"
    KEDA_METRICS_DOWN = "keda_metrics_down"
    KEDA_SHUT_OUT = "keda_shut_out"
    SCALER_NOT_READY = "scaler_not_ready"
    SCALER_BLIND = "scaler_blind"
    SCALER_PAUSED = "scaler_paused"

    INSIDE_UNSEEN = "inside_unseen"
