{{/* The Job that migrates and registers the first API key: (root, annotations). Named by a hash of its template. */}}

{{- define "penstock.migrationJob" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values.migrations -}}
{{- $secrets := list "broker" "postgresql" -}}
{{- $template := include "penstock.migrationTemplate" $root -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "penstock.fullname" $root }}-migrate-{{ printf "%s %s" (toJson (index . 1)) $template | sha256sum | trunc 8 }}
  labels: {{- include "penstock.labels" (list $root "migrations") | nindent 4 }}
  {{- with mergeOverwrite (index . 1) $values.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  backoffLimit: {{ $values.backoffLimit }}
  activeDeadlineSeconds: {{ $values.deadline }}
  template: {{- $template | nindent 4 }}
{{- end -}}

{{- define "penstock.migrationTemplate" -}}
{{- $values := .Values.migrations -}}
{{- $secrets := list "broker" "postgresql" "apiKey" -}}
metadata:
  {{- include "penstock.podMetadata" (list . "migrations" dict false) | nindent 2 }}
spec:
  {{- include "penstock.podBasics" (list . "migrations" dict "alone") | nindent 2 }}
  # A failed pod stays, and its log with it.
  restartPolicy: Never
  initContainers:
    - name: migrate
      {{- include "penstock.migrationContainer" . | nindent 6 }}
      command: [python, -m, penstock_runtime.migrate]
      env: {{- include "penstock.migrationEnv" . | nindent 8 }}
  containers:
    - name: register-key
      {{- include "penstock.migrationContainer" . | nindent 6 }}
      command: [python, -m, penstock_runtime.first_key]
      env:
        {{- include "penstock.migrationEnv" . | nindent 8 }}
        - {name: PENSTOCK_API_KEY_FILE, value: /run/secrets/penstock/api-key}
        - {name: PENSTOCK_API_KEY_TENANT, value: {{ .Values.apiKey.tenant | quote }}}
  volumes: {{- include "penstock.volumes" (list . dict $secrets false) | nindent 4 }}
{{- end -}}

{{- define "penstock.migrationEnv" -}}
{{- include "penstock.brokerEnv" . | trim }}
{{ include "penstock.postgresqlEnv" . }}
{{- with include "penstock.extraEnv" (list . dict) }}{{ . | nindent 0 }}{{ end }}
{{- end -}}

{{- define "penstock.migrationContainer" -}}
image: {{ include "penstock.image" (list . "api" .Values.api.image) }}
imagePullPolicy: {{ .Values.api.image.pullPolicy | default .Values.image.pullPolicy }}
{{- with include "penstock.envFrom" (list . dict) }}{{ . | nindent 0 }}{{ end }}
securityContext: {{- include "penstock.securityContext" . | nindent 2 }}
resources: {{- toYaml .Values.migrations.resources | nindent 2 }}
volumeMounts: {{- include "penstock.volumeMounts" (list . dict (list "broker" "postgresql" "apiKey") false) | nindent 2 }}
{{- end -}}
