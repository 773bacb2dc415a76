{{/* Names, labels and images. */}}

{{- define "penstock.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- end -}}
{{- end -}}

{{/* What a Service, Deployment or policy selects by; never changes within a release. Of (root, component). */}}
{{- define "penstock.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Labels of every object. Of (root, component). */}}
{{- define "penstock.labels" -}}
{{- $root := index . 0 -}}
{{ include "penstock.selector" . }}
app.kubernetes.io/part-of: penstock
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_") }}
{{- end -}}

{{/* The image of one service, as its `image` values say or else the suite's. Of (root, service, image values). */}}
{{- define "penstock.image" -}}
{{- $root := index . 0 -}}
{{- $own := index . 2 | default dict -}}
{{- $repository := $own.repository | default (printf "%s/%s" $root.Values.image.repository (index . 1)) -}}
{{- $tag := $own.tag | default $root.Values.image.tag | default $root.Chart.AppVersion -}}
{{- if hasPrefix "sha256:" $tag -}}
{{ printf "%s@%s" $repository $tag }}
{{- else -}}
{{ printf "%s:%s" $repository $tag }}
{{- end -}}
{{- end -}}

{{/* Name and key of the Secret that holds the first API key, as JSON. */}}
{{- define "penstock.apiKeySecret" -}}
{{- $name := .Values.apiKey.existingSecret | default (printf "%s-api-key" (include "penstock.fullname" .)) -}}
{{- dict "name" $name "key" .Values.apiKey.key | toJson -}}
{{- end -}}
