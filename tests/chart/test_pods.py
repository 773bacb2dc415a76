"""What a reader of the values can add to pods, and where their files lie."""

from collections.abc import Callable

from chart.rendering import Object, Rendered, Values, environment

Render = Callable[..., Rendered]


def pod(found: Rendered, name: str) -> Object:
    return dict(found.one("Deployment", f"penstock-{name}")["spec"]["template"])


def test_what_is_said_for_all_and_for_one_is_added_up(render: Render) -> None:
    values: Values = {
        "podAnnotations": {"a": "all"},
        "podLabels": {"l": "all"},
        "nodeSelector": {"disk": "all"},
        "tolerations": [{"key": "all"}],
        "extraEnv": [{"name": "ALL", "value": "1"}],
        "extraEnvFrom": [{"secretRef": {"name": "all"}}],
        "extraVolumes": [{"name": "all", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "all", "mountPath": "/all"}],
        "workers": {
            "mail": {
                "podAnnotations": {"a": "mail"},
                "podLabels": {"m": "mail"},
                "nodeSelector": {"zone": "mail"},
                "tolerations": [{"key": "mail"}],
                "extraEnv": [{"name": "MAIL", "value": "1"}],
                "extraEnvFrom": [{"secretRef": {"name": "mail"}}],
                "extraVolumes": [{"name": "mail", "emptyDir": {}}],
                "extraVolumeMounts": [{"name": "mail", "mountPath": "/mail"}],
            }
        },
    }
    template = pod(render(values), "worker-mail")
    spec, container = template["spec"], template["spec"]["containers"][0]
    assert template["metadata"]["annotations"] == {"a": "mail"}
    assert {"l": "all", "m": "mail"}.items() <= template["metadata"]["labels"].items()
    assert spec["nodeSelector"] == {"disk": "all", "zone": "mail"}
    assert [one["key"] for one in spec["tolerations"]] == ["all", "mail"]
    assert {"ALL", "MAIL"} <= environment(container).keys()
    assert [one["secretRef"]["name"] for one in container["envFrom"]] == ["all", "mail"]
    assert [one["name"] for one in spec["volumes"]][-2:] == ["all", "mail"]
    assert [one["mountPath"] for one in container["volumeMounts"]][-2:] == ["/all", "/mail"]
    assert "MAIL" not in environment(pod(render(values), "api")["spec"]["containers"][0])


def test_the_labels_that_pods_are_selected_by_are_the_charts(render: Render) -> None:
    found = render({"podLabels": {"app.kubernetes.io/component": "mine"}})
    assert pod(found, "api")["metadata"]["labels"]["app.kubernetes.io/component"] == "api"


def test_a_new_version_of_the_chart_alone_replaces_no_pod(render: Render) -> None:
    for name in render().names("Deployment"):
        labels = pod(render(), name.removeprefix("penstock-"))["metadata"]["labels"]
        assert "helm.sh/chart" not in labels
        assert "app.kubernetes.io/version" not in labels


def test_an_image_is_named_by_repository_and_tag_or_by_its_digest(render: Render) -> None:
    digest = "sha256:" + "a" * 64
    images = {"image": {"repository": "example.com/p", "tag": digest, "pullSecrets": [{"name": "registry"}]}}
    own = {"image": {"repository": "example.com/other", "tag": "2", "pullPolicy": "Always"}}
    found = render(images | {"workers": {"mail": own}})
    assert found.container("Deployment", "penstock-api")["image"] == f"example.com/p/api@{digest}"
    mail = found.container("Deployment", "penstock-worker-mail")
    assert (mail["image"], mail["imagePullPolicy"]) == ("example.com/other:2", "Always")
    assert pod(found, "api")["spec"]["imagePullSecrets"] == [{"name": "registry"}]


def test_probes_and_security_are_replaced_only_where_that_is_said(render: Render) -> None:
    probe = {"exec": {"command": ["true"]}}
    values = {"probes": {"livenessProbe": probe}, "securityContext": {"readOnlyRootFilesystem": False}}
    found = render({"workers": {"mail": values | {"podSecurityContext": {"runAsUser": 5}}}})
    container = found.container("Deployment", "penstock-worker-mail")
    assert container["livenessProbe"] == probe
    assert container["readinessProbe"]["exec"]["command"][-1] == "ready"
    assert container["securityContext"]["readOnlyRootFilesystem"] is False
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    context = pod(found, "worker-mail")["spec"]["securityContext"]
    assert (context["runAsUser"], context["runAsNonRoot"]) == (5, True)


def test_objects_of_ones_own_may_use_the_charts_names(render: Render) -> None:
    as_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-mine"}}
    as_text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ include "penstock.fullname" . }}-text}\n'
    found = render({"extraObjects": [as_map, as_text]})
    assert sorted(found.names("ConfigMap")) == ["penstock-mine", "penstock-text"]


def test_those_who_share_a_volume_of_one_node_are_kept_together_and_nobody_else_is(render: Render) -> None:
    found = render({"workers": {"dataset": {"affinity": {"nodeAffinity": {"mine": True}}}}})
    together = {
        name for name in found.names("Deployment") if "affinity" in pod(found, name[len("penstock-") :])["spec"]
    }
    assert together == {"penstock-api", "penstock-worker-dataset", "penstock-worker-generation"}
    affinity = pod(found, "worker-dataset")["spec"]["affinity"]
    assert affinity["nodeAffinity"] == {"mine": True}
    (term,) = affinity["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    for name in together:
        labels = pod(found, name.removeprefix("penstock-"))["metadata"]["labels"]
        assert term["labelSelector"]["matchLabels"].items() <= labels.items()


def test_the_claim_outlives_the_release(render: Render) -> None:
    claim = render({"storage": {"storageClass": "fast", "size": "1Ti"}}).one(
        "PersistentVolumeClaim", "penstock-storage"
    )
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert (claim["spec"]["storageClassName"], claim["spec"]["resources"]["requests"]["storage"]) == ("fast", "1Ti")


def test_a_claim_of_ones_own_and_an_object_storage_take_its_place(render: Render) -> None:
    own = render({"storage": {"existingClaim": "mine"}})
    assert own.names("PersistentVolumeClaim") == []
    assert {"name": "storage", "persistentVolumeClaim": {"claimName": "mine"}} in pod(own, "api")["spec"]["volumes"]
    bucket = render({"storage": {"url": "s3://files"}})
    assert bucket.names("PersistentVolumeClaim") == []
    for name in bucket.names("Deployment"):
        template = pod(bucket, name.removeprefix("penstock-"))
        assert [volume for volume in template["spec"]["volumes"] if "persistentVolumeClaim" in volume] == []
        assert environment(template["spec"]["containers"][0])["PENSTOCK_STORAGE_URL"] == "s3://files"


def test_the_api_scales_by_cpu_where_that_is_wanted(render: Render) -> None:
    found = render({"api": {"autoscaling": {"enabled": True, "maxReplicas": 9, "cpu": 50}}})
    scaler = found.one("HorizontalPodAutoscaler", "penstock-api")["spec"]
    assert scaler["scaleTargetRef"]["name"] == "penstock-api"
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 9)
    assert "replicas" not in found.one("Deployment", "penstock-api")["spec"]


def test_slots_for_monitoring_are_left_empty_where_the_cluster_has_no_use_for_them(render: Render) -> None:
    values: Values = {"podMonitor": {"enabled": True}}
    kinds = ("PodMonitor", "PrometheusRule", "ConfigMap")
    assert [render(values).names(kind) for kind in kinds] == [[], [], []]
    found = render(values, apis=("keda.sh/v1alpha1", "monitoring.coreos.com/v1"))
    assert [found.names(kind) for kind in kinds] == [["penstock"], ["penstock"], ["penstock-dashboards"]]
