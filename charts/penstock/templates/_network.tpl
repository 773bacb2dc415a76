{{/* Rules of NetworkPolicies. */}}

{{/* Names are looked up, the broker and PostgreSQL reached. Of root. */}}
{{- define "penstock.egressToNeighbours" -}}
{{- $redis := include "penstock.redis" . | fromJson -}}
{{- $pg := include "penstock.postgresql" . | fromJson -}}
- to: {{- toYaml .Values.networkPolicy.dns.to | nindent 4 }}
  ports:
    {{- range .Values.networkPolicy.dns.ports }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- $rabbitmq := include "penstock.rabbitmq" . | fromJson }}
{{- if $rabbitmq.bundled }}
- to:
    - podSelector:
        matchLabels: {{- include "penstock.selector" (list . "rabbitmq") | nindent 10 }}
  ports: [{port: amqp}]
{{- else if $rabbitmq }}
- ports: [{port: {{ $rabbitmq.port }}}]
  {{- with .Values.networkPolicy.rabbitmqTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- else if $redis.bundled }}
- to:
    - podSelector:
        matchLabels: {{- include "penstock.selector" (list . "redis") | nindent 10 }}
  ports: [{port: redis}]
{{- else }}
- ports:
    {{- $ports := list (toString $redis.port) }}
    {{- if $redis.master }}
    {{- range $redis.addresses }}{{ $ports = append $ports (regexFind "[0-9]+$" .) }}{{ end }}
    {{- end }}
    {{- range uniq $ports }}
    - {port: {{ . }}}
    {{- end }}
  {{- with .Values.networkPolicy.redisTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- if not .Values.suite.enabled }}
{{- else if $pg.bundled }}
- to:
    - podSelector:
        matchLabels: {{- include "penstock.selector" (list . "postgresql") | nindent 10 }}
  ports: [{port: postgresql}]
{{- else }}
- ports: [{port: {{ $pg.port }}}]
  {{- with .Values.networkPolicy.postgresqlTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "penstock.storageEgress" -}}
- ports:
    {{- range .Values.networkPolicy.storagePorts }}
    - {port: {{ . }}}
    {{- end }}
  {{- with .Values.networkPolicy.storageTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* What else a worker may reach: its own rules, the mail server, an object storage. Of (root, worker). */}}
{{- define "penstock.workerEgress" -}}
{{- $root := index . 0 -}}
{{- $worker := index . 1 -}}
{{- with $worker.egress }}
{{- toYaml . }}
{{- end }}
{{- if $worker.smtp }}
- ports: [{port: {{ $root.Values.smtp.port }}}]
  {{- with $root.Values.networkPolicy.smtpTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- if and $worker.storage $root.Values.storage.url }}
{{- include "penstock.storageEgress" $root | nindent 0 }}
{{- end }}
{{- end -}}
