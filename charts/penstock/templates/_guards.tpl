{{/* Values that would lose or stall work, or start nothing, are refused here: each with one sentence that says what to do. */}}

{{- define "penstock.guards" -}}
{{- include "penstock.guardNames" . -}}
{{- include "penstock.guardNeighbours" . -}}
{{- include "penstock.guardStorage" . -}}
{{- include "penstock.guardRoutes" . -}}
{{- include "penstock.guardSecrets" . -}}
{{- $scaled := list -}}
{{- if not (or .Values.suite.enabled (include "penstock.workerKeys" . | fromJsonArray)) -}}
{{- fail "suite.enabled is false and no worker has runtime celery, so there is nothing to install: add a worker of your application to workers." -}}
{{- end -}}
{{- range $key := include "penstock.workerKeys" . | fromJsonArray -}}
{{- $worker := include "penstock.worker" (list $ $key) | fromYaml -}}
{{- include "penstock.guardWorker" (list $ $worker) -}}
{{- if $worker.scaling.enabled -}}{{- $scaled = append $scaled $worker.name -}}{{- end -}}
{{- end -}}
{{- include "penstock.guardSharedQueues" . -}}
{{- if $scaled -}}
{{- include "penstock.guardKeda" (list . $scaled) -}}
{{- end -}}
{{- end -}}

{{- define "penstock.guardNames" -}}
{{- $name := include "penstock.fullname" . -}}
{{- if gt (len $name) 40 -}}
{{- fail (printf "The name %s has %d characters and may have 40, so that what is named after it stays within Kubernetes' bounds: choose a shorter release name, or set fullnameOverride." $name (len $name)) -}}
{{- end -}}
{{- end -}}

{{- define "penstock.guardNeighbours" -}}
{{- if eq .Values.broker "rabbitmq" -}}
{{- include "penstock.guardRabbitmq" . -}}
{{- else -}}
{{- include "penstock.guardRedis" . -}}
{{- end -}}
{{- if .Values.suite.enabled -}}
{{- include "penstock.guardSuiteNeighbours" . -}}
{{- end -}}
{{- end -}}

{{- define "penstock.guardRedis" -}}
{{- $redis := .Values.redis -}}
{{- if or .Values.rabbitmq.host .Values.rabbitmq.existingSecret -}}
{{- fail "rabbitmq.host or rabbitmq.existingSecret names a RabbitMQ of yours, and broker is redis: set broker to rabbitmq, or leave them out." -}}
{{- end -}}
{{- $own := or $redis.host $redis.sentinel.master -}}
{{- $kedas := or (dig "keda" "username" "" $redis) (dig "keda" "passwordKey" "" $redis) -}}
{{- if and $redis.bundled.enabled $own -}}
{{- fail "redis.host or redis.sentinel.master names a Redis of yours while redis.bundled.enabled asks for the chart's own: set redis.bundled.enabled to false, or leave them out." -}}
{{- else if not (or $redis.bundled.enabled $own) -}}
{{- fail "There is no Redis: set redis.host (or redis.sentinel.master and redis.sentinel.addresses), or redis.bundled.enabled to true." -}}
{{- end -}}
{{- if and $redis.bundled.enabled (or $redis.tls.enabled $redis.existingSecret $redis.username $kedas) -}}
{{- fail "redis.tls, redis.existingSecret, redis.username and redis.keda are for a Redis of yours: leave them out, or set redis.host and redis.bundled.enabled to false." -}}
{{- end -}}
{{- if and $redis.sentinel.master (not $redis.sentinel.addresses) -}}
{{- fail (printf "redis.sentinel.master is %s, and redis.sentinel.addresses is empty: list the sentinels as host:port." $redis.sentinel.master) -}}
{{- end -}}
{{- if and $redis.sentinel.master $redis.host -}}
{{- fail "redis.host and redis.sentinel.master are both set: with Sentinel leave redis.host out." -}}
{{- end -}}
{{- if and (or $redis.tls.caKey $redis.sentinel.passwordKey $redis.username $kedas) (not $redis.existingSecret) (not $redis.bundled.enabled) -}}
{{- fail "redis.existingSecret is empty, and redis.username, redis.keda, redis.tls.caKey or redis.sentinel.passwordKey need it: name the Secret that holds the password and the CA." -}}
{{- end -}}
{{- end -}}

{{/* PostgreSQL and the mail server, which only Penstock's own processes use. */}}
{{- define "penstock.guardSuiteNeighbours" -}}
{{- $pg := .Values.postgresql -}}
{{- if and $pg.bundled.enabled $pg.host -}}
{{- fail (printf "postgresql.host is %s while postgresql.bundled.enabled asks for the chart's own: set postgresql.bundled.enabled to false, or leave postgresql.host out." $pg.host) -}}
{{- else if not (or $pg.bundled.enabled $pg.host) -}}
{{- fail "There is no PostgreSQL: set postgresql.host, or postgresql.bundled.enabled to true." -}}
{{- end -}}
{{- if and $pg.bundled.enabled (or $pg.existingSecret $pg.tls.mode) -}}
{{- fail "postgresql.existingSecret and postgresql.tls are for a PostgreSQL of yours: leave them out, or set postgresql.host and postgresql.bundled.enabled to false." -}}
{{- end -}}
{{- if and (not $pg.bundled.enabled) $pg.tls.caKey (not $pg.existingSecret) -}}
{{- fail "postgresql.existingSecret is empty, and postgresql.tls.caKey needs it: name the Secret that holds the CA's certificates." -}}
{{- end -}}
{{- if and (hasPrefix "verify-" $pg.tls.mode) (not $pg.tls.caKey) -}}
{{- fail (printf "postgresql.tls.mode %s checks the server's certificate: say in postgresql.tls.caKey which key of the Secret holds the CA's." $pg.tls.mode) -}}
{{- end -}}
{{- if and .Values.smtp.username (eq .Values.smtp.tls "none") -}}
{{- fail "smtp.username would send its password in the clear: set smtp.tls to starttls or tls." -}}
{{- end -}}
{{- if and .Values.smtp.username (not .Values.smtp.existingSecret) -}}
{{- fail (printf "smtp.username is %s, and smtp.existingSecret is empty: name the Secret with the password." .Values.smtp.username) -}}
{{- end -}}
{{- end -}}

{{- define "penstock.guardStorage" -}}
{{- $storage := .Values.storage -}}
{{- if hasPrefix "file:" $storage.url -}}
{{- fail "storage.url is a file: URL, and each pod has files of its own: leave it empty for a volume that pods share, or name an object storage." -}}
{{- end -}}
{{- if eq (include "penstock.storageIsVolume" .) "true" -}}
{{- $mounters := list "api" -}}
{{- range $key := include "penstock.workerKeys" . | fromJsonArray -}}
{{- if (include "penstock.worker" (list $ $key) | fromYaml).usesStorage }}{{ $mounters = append $mounters (printf "worker-%s" $key) }}{{ end -}}
{{- end -}}
{{- $several := or (gt (len $mounters) 1) (gt (int .Values.api.replicas) 1) .Values.api.autoscaling.enabled -}}
{{- if and $several (eq $storage.accessMode "ReadWriteOncePod") -}}
{{- fail (printf "storage.accessMode ReadWriteOncePod is for one pod, and %s mount the storage: use ReadWriteMany, or storage.url." (join ", " $mounters)) -}}
{{- end -}}
{{- if and $several (eq $storage.accessMode "ReadWriteOnce") (not $storage.onOneNode) -}}
{{- fail (printf "storage.accessMode ReadWriteOnce is for one node, and %s mount the storage and may be spread: use ReadWriteMany or storage.url, or set storage.onOneNode to true." (join ", " $mounters)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "penstock.guardRoutes" -}}
{{- if and .Values.suite.enabled .Values.httpRoute.enabled -}}
{{- if not .Values.httpRoute.parentRefs -}}
{{- fail "httpRoute.enabled is true, and httpRoute.parentRefs is empty: name the gateway." -}}
{{- end -}}
{{- if not (or (.Capabilities.APIVersions.Has "gateway.networking.k8s.io/v1/HTTPRoute") (.Capabilities.APIVersions.Has "gateway.networking.k8s.io/v1")) -}}
{{- fail "httpRoute.enabled is true, and this cluster has no HTTPRoute (gateway.networking.k8s.io/v1): install the Gateway API, or use ingress." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A Secret that is named must be there; asked only where a cluster answers. */}}
{{- define "penstock.guardSecrets" -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "default" -}}
{{- $wanted := list
      (list "redis.existingSecret" .Values.redis.existingSecret (list .Values.redis.passwordKey (dig "keda" "passwordKey" "" .Values.redis) .Values.redis.tls.caKey .Values.redis.sentinel.passwordKey))
      (list "rabbitmq.existingSecret" .Values.rabbitmq.existingSecret (list .Values.rabbitmq.usernameKey .Values.rabbitmq.passwordKey .Values.rabbitmq.tls.caKey (ternary "tls" "" (and (ne .Values.rabbitmq.tls.caKey "") .Values.autoscaling.enabled))))
      (list "postgresql.existingSecret" .Values.postgresql.existingSecret (list .Values.postgresql.passwordKey .Values.postgresql.tls.caKey))
      (list "apiKey.existingSecret" .Values.apiKey.existingSecret (list .Values.apiKey.key))
      (list "signingKey.existingSecret" .Values.signingKey.existingSecret (list .Values.signingKey.key))
      (list "smtp.existingSecret" .Values.smtp.existingSecret (list .Values.smtp.passwordKey)) -}}
{{- range $wanted -}}
{{- $value := index . 0 -}}
{{- $name := index . 1 -}}
{{- if $name -}}
{{- $secret := lookup "v1" "Secret" $.Release.Namespace $name -}}
{{- range compact (index . 2) -}}
{{- if not $secret -}}
{{- fail (printf "%s is %s, and there is no such Secret in the namespace %s: kubectl create secret generic %s -n %s --from-literal=%s=…" $value $name $.Release.Namespace $name $.Release.Namespace .) -}}
{{- else if not (hasKey ($secret.data | default dict) .) -}}
{{- fail (printf "%s is %s, and that Secret has no key %s: add it, or name the right key." $value $name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Of (root, names of the Deployments that KEDA scales). */}}
{{- define "penstock.guardKeda" -}}
{{- $root := index . 0 -}}
{{- $scaled := index . 1 -}}
{{- if not (or ($root.Capabilities.APIVersions.Has "keda.sh/v1alpha1/ScaledObject") ($root.Capabilities.APIVersions.Has "keda.sh/v1alpha1")) -}}
{{- fail "This cluster has no KEDA (keda.sh/v1alpha1), which scales the workers: install it first, or set autoscaling.enabled to false." -}}
{{- end -}}
{{- $redis := include "penstock.redis" $root | fromJson -}}
{{- $hosts := empty $redis.master | ternary (list $redis.host) $redis.addresses -}}
{{- $named := empty $redis.master | ternary "redis.host" "redis.sentinel.addresses" -}}
{{- with include "penstock.rabbitmq" $root | fromJson -}}
{{- $hosts = list .host -}}
{{- $named = "rabbitmq.host" -}}
{{- end -}}
{{- range $host := $hosts -}}
{{- $name := regexReplaceAll ":[0-9]+$" $host "" -}}
{{- if not (regexMatch "[.:]" $name) -}}
{{- fail (printf "%s names the host %s, which KEDA would look for in its own namespace: write %s.%s.svc, or its whole name." $named $name $name $root.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- $found := lookup "autoscaling/v2" "HorizontalPodAutoscaler" $root.Release.Namespace "" -}}
{{- $others := list -}}
{{- range dig "items" (list) ($found | default dict) -}}
{{- if not (dig "labels" "scaledobject.keda.sh/name" "" .metadata) }}{{ $others = append $others . }}{{ end -}}
{{- end -}}
{{- range concat $others $root.Values.extraObjects -}}
{{- $object := kindIs "string" . | ternary (toString . | fromYaml) . -}}
{{- $target := dig "spec" "scaleTargetRef" "name" "" $object -}}
{{- if and (eq (get $object "kind" | default "HorizontalPodAutoscaler") "HorizontalPodAutoscaler") (has $target $scaled) -}}
{{- fail (printf "The HorizontalPodAutoscaler %s scales %s, and so does KEDA, and each would undo the other's work: delete it, or set autoscaling.enabled of that worker to false." (dig "metadata" "name" "" $object) $target) -}}
{{- end -}}
{{- end -}}
{{- end -}}
