{{/* What every pod and every container of the chart has in common. */}}

{{- define "penstock.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "penstock.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* The pod's metadata. Of (root, component, values of the component, whether it mounts the shared storage). */}}
{{- define "penstock.podMetadata" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- $own := include "penstock.selector" (list $root (index . 1)) | fromYaml -}}
{{- if index . 3 }}{{ $own = set $own "penstock.io/storage" "mounted" }}{{ end -}}
labels: {{- merge (dict) $own ($values.podLabels | default dict) $root.Values.podLabels | toYaml | nindent 2 }}
{{- with merge (dict) ($values.podAnnotations | default dict) $root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
Where a pod may run, and as whom. Of (root, component, values, placement): "spread" over nodes, "together" on the node of the
shared storage's volume where that must be, "alone" for a pod of which there is one.
*/}}
{{- define "penstock.podBasics" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- $placement := index . 3 -}}
serviceAccountName: {{ include "penstock.fullname" $root }}
automountServiceAccountToken: false
# A Service's variables would be taken for settings: PENSTOCK_API_PORT=tcp://…
enableServiceLinks: false
securityContext:
  {{- mergeOverwrite (include "penstock.podSecurityContext" $root | fromYaml) ($values.podSecurityContext | default dict) | toYaml | nindent 2 }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with merge (dict) ($values.nodeSelector | default dict) $root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat $root.Values.tolerations ($values.tolerations | default list) }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- $together := and (eq $placement "together") (eq (include "penstock.storageKeepsTogether" $root) "true") -}}
{{- $affinity := deepCopy ($values.affinity | default dict) -}}
{{- if $together -}}
{{- $term := dict "labelSelector" (dict "matchLabels" (dict "app.kubernetes.io/instance" $root.Release.Name "penstock.io/storage" "mounted")) "topologyKey" "kubernetes.io/hostname" -}}
{{- $given := dig "podAffinity" "requiredDuringSchedulingIgnoredDuringExecution" (list) $affinity -}}
{{- $affinity = mergeOverwrite $affinity (dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (append $given $term))) -}}
{{- end }}
{{- with $affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml $values.topologySpreadConstraints | nindent 2 }}
{{- else if and (not $together) (ne $placement "alone") }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "penstock.selector" (list $root (index . 1)) | nindent 8 }}
{{- end }}
{{- end -}}

{{/* extraEnv and extraEnvFrom, the suite's and the component's. Of (root, values). */}}
{{- define "penstock.extraEnv" -}}
{{- $root := index . 0 -}}
{{- with concat $root.Values.extraEnv ((index . 1).extraEnv | default list) -}}
{{- toYaml . }}
{{- end }}
{{- end -}}

{{- define "penstock.envFrom" -}}
{{- $root := index . 0 -}}
{{- with concat $root.Values.extraEnvFrom ((index . 1).extraEnvFrom | default list) -}}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Of (root, values, secrets wanted, whether it mounts the shared storage). */}}
{{- define "penstock.volumes" -}}
{{- $root := index . 0 -}}
{{- $values := index . 1 -}}
- name: tmp
  emptyDir: {sizeLimit: {{ $values.tmpSize | default "64Mi" }}}
{{- with include "penstock.secretSources" (list $root (index . 2)) | trim }}
- name: secrets
  projected:
    defaultMode: 0440
    sources: {{- . | nindent 6 }}
{{- end }}
{{- if index . 3 }}
- name: storage
  persistentVolumeClaim: {claimName: {{ include "penstock.storageClaim" $root }}}
{{- end }}
{{- with concat $root.Values.extraVolumes ($values.extraVolumes | default list) }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "penstock.volumeMounts" -}}
{{- $root := index . 0 -}}
{{- $values := index . 1 -}}
- {name: tmp, mountPath: /tmp}
{{- if include "penstock.secretSources" (list $root (index . 2)) | trim }}
- {name: secrets, mountPath: /run/secrets/penstock, readOnly: true}
{{- end }}
{{- if index . 3 }}
- {name: storage, mountPath: /var/lib/penstock/storage}
{{- end }}
{{- with concat $root.Values.extraVolumeMounts ($values.extraVolumeMounts | default list) }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The settings that every process of Penstock gets. Of root. */}}
{{- define "penstock.env" -}}
{{- include "penstock.brokerEnv" . | trim }}
{{ include "penstock.postgresqlEnv" . }}
{{- with .Values.storage.url }}
- {name: PENSTOCK_STORAGE_URL, value: {{ . | quote }}}
{{- end }}
{{- if .Values.signingKey.existingSecret }}
- {name: PENSTOCK_SECRET_KEY_FILE, value: /run/secrets/penstock/secret-key}
{{- end }}
{{- with .Values.publicUrl }}
- {name: PENSTOCK_PUBLIC_URL, value: {{ . | quote }}}
{{- end }}
{{- end -}}

{{/* Whether the storage is a volume of this cluster, its claim, and whether those who mount it must share a node. */}}
{{- define "penstock.storageIsVolume" -}}
{{- if and .Values.suite.enabled (not .Values.storage.url) }}true{{ end -}}
{{- end -}}

{{- define "penstock.storageClaim" -}}
{{- .Values.storage.existingClaim | default (printf "%s-storage" (include "penstock.fullname" .)) -}}
{{- end -}}

{{- define "penstock.storageKeepsTogether" -}}
{{- and (eq (include "penstock.storageIsVolume" .) "true") (ne .Values.storage.accessMode "ReadWriteMany") .Values.storage.onOneNode -}}
{{- end -}}
