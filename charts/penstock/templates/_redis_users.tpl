{{/* The users of the chart's own Redis: what files/redis-users.yaml says, for the queues and workers of this release. */}}

{{/* The ACL rules of each, without passwords, as JSON: {default: …, keda: …}. Of root. */}}
{{- define "penstock.redisUsers" -}}
{{- $declared := .Files.Get "files/redis-users.yaml" | fromYaml -}}
{{- $queues := .Values.suite.enabled | ternary (.Files.Get "files/queues.yaml" | fromYaml | keys | sortAlpha) list -}}
{{- $counted := list -}}
{{- $own := list -}}
{{- $kinds := list "services" -}}
{{- range $key := include "penstock.workerKeys" . | fromJsonArray -}}
{{- $worker := include "penstock.worker" (list $ $key) | fromYaml -}}
{{- $queues = append $queues $worker.queue -}}
{{- $keys := append (values $worker.lists | sortAlpha) $worker.unackedKey -}}
{{- if $worker.scaling.enabled }}{{ $counted = concat $counted $keys }}{{ end -}}
{{- /* A worker of another application may call them otherwise. */ -}}
{{- if $worker.stock -}}
{{- $kinds = list "services" "stock" -}}
{{- $own = concat $own $keys (list (printf "%s_index" $worker.unackedKey) (printf "%s_mutex" $worker.unackedKey)) -}}
{{- end -}}
{{- end -}}
{{- $keys := list -}}
{{- $commands := list -}}
{{- range $kind := $kinds -}}
{{- range $pattern := (index $declared $kind).keys -}}
{{- range $queue := $queues }}{{ $keys = append $keys ($pattern | replace "{queue}" $queue) }}{{ end -}}
{{- end -}}
{{- $commands = concat $commands (regexSplit "\\s+" (trim (index $declared $kind).commands) -1) -}}
{{- end -}}
{{- $services := dict "keys" (concat $keys $own) "commands" $commands "channels" "&*" "more" (.Values.redis.bundled.alsoAllow | default list) -}}
{{- $keda := dict "keys" $counted "commands" (regexSplit "\\s+" (trim $declared.keda.commands) -1) "channels" "resetchannels" "more" list -}}
{{- $users := dict "default" (include "penstock.aclRules" $services) -}}
{{- if .Values.autoscaling.enabled }}{{ $users = set $users "keda" (include "penstock.aclRules" $keda) }}{{ end -}}
{{- $users | toJson -}}
{{- end -}}

{{/* One user's rules as a line of redis.conf has them. Of {keys, channels, commands, more}. */}}
{{- define "penstock.aclRules" -}}
{{- $rules := list -}}
{{- range .keys | uniq }}{{ $rules = append $rules (printf "~%s" . | printf "%q") }}{{ end -}}
{{- $rules = append $rules .channels -}}
{{- range .commands }}{{ $rules = append $rules (printf "+%s" .) }}{{ end -}}
{{- range .more }}{{ $rules = append $rules (printf "%q" .) }}{{ end -}}
{{- join " " $rules -}}
{{- end -}}
