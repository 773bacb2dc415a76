{{/* A worker: its values merged over the defaults, with all that follows from its queue's meaning. */}}

{{/* The keys of the workers that are on, as JSON; without the suite, only those of other applications. Of root. */}}
{{- define "penstock.workerKeys" -}}
{{- $keys := list -}}
{{- range $key := keys .Values.workers | sortAlpha -}}
{{- $merged := mergeOverwrite (deepCopy $.Values.workerDefaults) (deepCopy (index $.Values.workers $key | default dict)) -}}
{{- if and $merged.enabled (or $.Values.suite.enabled (eq $merged.runtime "celery")) }}{{ $keys = append $keys $key }}{{ end -}}
{{- end -}}
{{- $keys | toJson -}}
{{- end -}}

{{/* One worker as YAML, complete. Of (root, key). Adds key, name, lists, grace, image, scaling, command. */}}
{{- define "penstock.worker" -}}
{{- $root := index . 0 -}}
{{- $key := index . 1 -}}
{{- $worker := mergeOverwrite (deepCopy $root.Values.workerDefaults) (deepCopy (index $root.Values.workers $key | default dict)) -}}
{{- $stock := eq $worker.runtime "celery" -}}
{{- $declared := $root.Files.Get "files/queues.yaml" | fromYaml -}}
{{- $meaning := $stock | ternary dict (get $declared $worker.queue | default dict) -}}
{{- $pool := $worker.pool | default $meaning.pool | default "" -}}
{{- $limit := $worker.timeLimit | default $meaning.timeLimit | default 0 | float64 -}}
{{- $lists := dict -}}
{{- if or $worker.priorities (not $meaning.lists) -}}
{{- range $step := $worker.priorities | default (list 0) -}}
{{- if eq (float64 $step) 0.0 -}}
{{- $lists = set $lists "normal" $worker.queue -}}
{{- else -}}
{{- $name := and (eq (float64 $step) 5.0) | ternary "bulk" (printf "step%v" $step) -}}
{{- $lists = set $lists $name (printf "%s%s%v" $worker.queue $worker.separator $step) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- $lists = $meaning.lists -}}
{{- end -}}
{{- $scaling := mergeOverwrite (deepCopy $root.Values.autoscaling) (deepCopy ($worker.autoscaling | default dict)) -}}
{{- $scaling = set $scaling "target" ($scaling.target | default $worker.concurrency) -}}
{{- $grace := $worker.gracePeriod | default (gt (float64 $worker.giveBackAfter) 0.0 | ternary (addf (float64 $worker.giveBackAfter) 30.0) (addf $limit 60.0)) -}}
{{- $worker = mergeOverwrite $worker (dict
      "key" $key
      "component" (printf "worker-%s" $key)
      "name" (printf "%s-worker-%s" (include "penstock.fullname" $root) $key)
      "stock" $stock
      "declared" (not (empty $meaning))
      "meaning" $meaning
      "lists" $lists
      "pool" $pool
      "limit" $limit
      "grace" $grace
      "app" ($worker.app | default (printf "penstock_worker_%s.app" ($key | replace "-" "_")))
      "unackedKey" ($worker.unackedKey | default (printf "unacked:%s" $worker.queue))
      "visibilityTimeout" ($worker.visibilityTimeout | default (addf $limit 120.0))
      "usesStorage" (and $worker.storage (eq (include "penstock.storageIsVolume" $root) "true"))
      "scaling" $scaling) -}}
{{- $worker = set $worker "master" ((include "penstock.redis" $root | fromJson).master | default "") -}}
{{- $worker = set $worker "commandLine" ($worker.command | default (include "penstock.workerCommand" $worker | fromJsonArray)) -}}
{{- toYaml $worker -}}
{{- end -}}

{{/* The command made of app, queue, pool and concurrency, as JSON. Of a worker. */}}
{{- define "penstock.workerCommand" -}}
{{- $command := list (ternary "celery" "penstock-celery" .stock) "-A" .app "worker" "-Q" .queue "-P" .pool "-c" (toString .concurrency) "-n" (printf "%s@%%h" .key) "--without-gossip" "--without-mingle" -}}
{{- if and .stock (eq .pool "prefork") -}}
{{- $command = concat $command (list "--time-limit" (toString .limit)) -}}
{{- end -}}
{{- $command = concat $command .args -}}
{{- $configuration := list -}}
{{- if .stock -}}
{{- $steps := list -}}
{{- range .priorities | default (list 0) }}{{ $steps = append $steps (int .) }}{{ end -}}
{{- $options := dict "sep" .separator "priority_steps" $steps "queue_order_strategy" "priority" "visibility_timeout" (int .visibilityTimeout)
      "unacked_key" .unackedKey "unacked_index_key" (printf "%s_index" .unackedKey) "unacked_mutex_key" (printf "%s_mutex" .unackedKey) -}}
{{- with .master }}{{ $options = set $options "master_name" . }}{{ end -}}
{{- $configuration = list (printf "broker.transport_options=(json)%s" (toJson $options)) "task.acks_late=true" "worker.prefetch_multiplier=1" -}}
{{- end -}}
{{- if .giveBackAfter -}}
{{- $configuration = append $configuration (printf "worker.soft_shutdown_timeout=%v" .giveBackAfter) -}}
{{- end -}}
{{- if $configuration -}}
{{- $command = concat $command (list "--") $configuration -}}
{{- end -}}
{{- $command | toJson -}}
{{- end -}}
