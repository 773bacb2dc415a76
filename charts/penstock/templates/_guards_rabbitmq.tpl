{{/* What is refused of RabbitMQ as the broker. */}}

{{- define "penstock.guardRabbitmq" -}}
{{- $redis := .Values.redis -}}
{{- $rabbitmq := .Values.rabbitmq -}}
{{- if or $redis.host $redis.sentinel.master $redis.existingSecret -}}
{{- fail "redis.host, redis.sentinel.master or redis.existingSecret names a Redis of yours, and broker is rabbitmq: set broker to redis, or leave them out." -}}
{{- end -}}
{{- if and $rabbitmq.bundled.enabled $rabbitmq.host -}}
{{- fail (printf "rabbitmq.host is %s while rabbitmq.bundled.enabled asks for the chart's own: set rabbitmq.bundled.enabled to false, or leave rabbitmq.host out." $rabbitmq.host) -}}
{{- else if not (or $rabbitmq.bundled.enabled $rabbitmq.host) -}}
{{- fail "There is no RabbitMQ: set rabbitmq.host, or rabbitmq.bundled.enabled to true." -}}
{{- end -}}
{{- if and $rabbitmq.bundled.enabled (or $rabbitmq.tls.enabled $rabbitmq.existingSecret) -}}
{{- fail "rabbitmq.tls and rabbitmq.existingSecret are for a RabbitMQ of yours: leave them out, or set rabbitmq.host and rabbitmq.bundled.enabled to false." -}}
{{- end -}}
{{- if not (or $rabbitmq.bundled.enabled $rabbitmq.existingSecret) -}}
{{- fail "rabbitmq.existingSecret is empty: name the Secret that holds the user name and the password." -}}
{{- end -}}
{{- range $key := include "penstock.workerKeys" . | fromJsonArray -}}
{{- if (include "penstock.worker" (list $ $key) | fromYaml).stock -}}
{{- fail (printf "The worker %s has runtime celery, which the chart scales by what stock Celery keeps in Redis: set broker to redis, or leave it out." $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
