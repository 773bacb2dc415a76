{{/* RabbitMQ as the broker: where it is, for the processes, for KEDA and for the network policies. */}}

{{/* As JSON: host, ports, vhost, Secret, TLS; empty where Redis is the broker. Of root. */}}
{{- define "penstock.rabbitmq" -}}
{{- $rabbitmq := .Values.rabbitmq -}}
{{- if ne .Values.broker "rabbitmq" -}}
{}
{{- else if $rabbitmq.bundled.enabled -}}
{{- $name := printf "%s-rabbitmq" (include "penstock.fullname" .) -}}
{{- dict "host" (printf "%s.%s.svc" $name .Release.Namespace) "port" 5672 "managementPort" 15672 "vhost" $rabbitmq.vhost
      "secret" $name "usernameKey" "username" "passwordKey" "password" "tls" false "ca" "" "bundled" true | toJson -}}
{{- else -}}
{{- dict "host" $rabbitmq.host "port" $rabbitmq.port "managementPort" $rabbitmq.managementPort "vhost" $rabbitmq.vhost
      "secret" $rabbitmq.existingSecret "usernameKey" $rabbitmq.usernameKey "passwordKey" $rabbitmq.passwordKey
      "tls" $rabbitmq.tls.enabled "ca" $rabbitmq.tls.caKey "bundled" false | toJson -}}
{{- end -}}
{{- end -}}

{{/* Where a process of Penstock finds it, as environment variables. Of root. */}}
{{- define "penstock.rabbitmqEnv" -}}
{{- $rabbitmq := include "penstock.rabbitmq" . | fromJson -}}
- {name: PENSTOCK_RABBITMQ_HOST, value: {{ $rabbitmq.host | quote }}}
- {name: PENSTOCK_RABBITMQ_PORT, value: {{ $rabbitmq.port | quote }}}
- {name: PENSTOCK_RABBITMQ_VHOST, value: {{ $rabbitmq.vhost | quote }}}
- {name: PENSTOCK_RABBITMQ_USERNAME_FILE, value: /run/secrets/penstock/rabbitmq-username}
- {name: PENSTOCK_RABBITMQ_PASSWORD_FILE, value: /run/secrets/penstock/rabbitmq-password}
{{- if $rabbitmq.tls }}
- {name: PENSTOCK_RABBITMQ_TLS, value: "true"}
{{- if $rabbitmq.ca }}
- {name: PENSTOCK_RABBITMQ_TLS_CA, value: /run/secrets/penstock/rabbitmq-ca.crt}
{{- end }}
{{- end }}
{{- end -}}

{{/* The address of its management, without user and password. Of root. */}}
{{- define "penstock.rabbitmqManagement" -}}
{{- $rabbitmq := include "penstock.rabbitmq" . | fromJson -}}
{{ $rabbitmq.tls | ternary "https" "http" }}://{{ $rabbitmq.host }}:{{ $rabbitmq.managementPort }}/
{{- end -}}

{{/* KEDA's trigger for a queue: what is ready and what is unacknowledged, as the management counts it. Of (root, queue). */}}
{{- define "penstock.rabbitmqTrigger" -}}
{{- $root := index . 0 -}}
{{- $rabbitmq := include "penstock.rabbitmq" $root | fromJson -}}
- type: rabbitmq
  name: messages
  metadata:
    protocol: http
    host: {{ include "penstock.rabbitmqManagement" $root | quote }}
    vhostName: {{ $rabbitmq.vhost | quote }}
    queueName: {{ index . 1 | quote }}
    mode: QueueLength
    excludeUnacknowledged: "false"
    # A trigger must have a value of its own, which the formula above makes meaningless.
    value: "1"
  authenticationRef: {name: {{ include "penstock.fullname" $root }}-rabbitmq}
{{- end -}}
