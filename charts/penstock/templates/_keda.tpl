{{/* What KEDA's redis scaler is told of one list or hash. Of (redis, name of the key). */}}
{{- define "penstock.triggerMetadata" -}}
{{- $redis := index . 0 -}}
{{- if $redis.master -}}
addresses: {{ join "," $redis.addresses | quote }}
sentinelMaster: {{ $redis.master | quote }}
{{- with $redis.sentinelUsername }}
sentinelUsername: {{ . | quote }}
{{- end }}
{{- else -}}
address: {{ printf "%s:%v" $redis.host $redis.port | quote }}
{{- end }}
{{- with $redis.kedaUsername }}
username: {{ . | quote }}
{{- end }}
databaseIndex: {{ $redis.database | toString | quote }}
enableTLS: {{ $redis.tls | toString | quote }}
listName: {{ index . 1 | quote }}
# A trigger must have a length of its own, which the formula above makes meaningless.
listLength: "1"
{{- end -}}
