{{/* What is refused of one worker, and of two that share a queue. */}}

{{/* Of (root, worker). */}}
{{- define "penstock.guardWorker" -}}
{{- $root := index . 0 -}}
{{- $worker := index . 1 -}}
{{- $about := printf "The worker %s" $worker.key -}}
{{- if gt (len $worker.name) 54 -}}
{{- fail (printf "%s would be named %s, which has %d characters and may have 54, as KEDA puts its own before it: choose a shorter name for it or for the release." $about $worker.name (len $worker.name)) -}}
{{- end -}}
{{- if not $worker.queue -}}
{{- fail (printf "%s has no queue: say in workers.%s.queue which one it takes jobs from." $about $worker.key) -}}
{{- end -}}
{{- if $worker.stock -}}
{{- include "penstock.guardForeign" (list $root $worker $about) -}}
{{- else -}}
{{- include "penstock.guardDeclaration" (list $root $worker $about) -}}
{{- end -}}
{{- include "penstock.guardCommand" (list $worker $about) -}}
{{- include "penstock.guardEnd" (list $root $worker $about) -}}
{{- if $worker.scaling.enabled -}}
{{- include "penstock.guardScaling" (list $worker $about) -}}
{{- end -}}
{{- end -}}

{{/* A worker of Penstock's takes a declared queue, as it was declared. */}}
{{- define "penstock.guardDeclaration" -}}
{{- $root := index . 0 -}}{{- $worker := index . 1 -}}{{- $about := index . 2 -}}
{{- if not $worker.declared -}}
{{- fail (printf "%s takes the queue %s, which is not declared: it is one of %s, or add it to queues.py and to the chart's files/queues.yaml, or set runtime to celery where the image is not Penstock's." $about $worker.queue ($root.Files.Get "files/queues.yaml" | fromYaml | keys | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $given := mergeOverwrite (deepCopy $root.Values.workerDefaults) (deepCopy (index $root.Values.workers $worker.key)) -}}
{{- range $name := list "pool" "timeLimit" -}}
{{- $value := get $given $name -}}
{{- $declared := get $worker.meaning $name -}}
{{- if and $value (ne (toString $value) (toString $declared)) -}}
{{- fail (printf "%s has %s %v, and its queue %s is declared with %v: leave it out, or change queues.py." $about $name $value $worker.queue $declared) -}}
{{- end -}}
{{- end -}}
{{- if ne (toJson $worker.lists) (toJson $worker.meaning.lists) -}}
{{- fail (printf "%s would be scaled by the lists %s, and its queue %s is declared with %s: leave priorities and separator out, or jobs on the others wait for ever." $about (values $worker.lists | sortAlpha | join ", ") $worker.queue (values $worker.meaning.lists | sortAlpha | join ", ")) -}}
{{- end -}}
{{- if ne $worker.unackedKey $worker.meaning.unackedKey -}}
{{- fail (printf "%s would be scaled by the messages in %s, and its queue %s keeps those in flight in %s: leave unackedKey out, or busy pods are taken away." $about $worker.unackedKey $worker.queue $worker.meaning.unackedKey) -}}
{{- end -}}
{{- if $given.visibilityTimeout -}}
{{- fail (printf "%s has a visibilityTimeout, which Penstock makes of the time limit itself: leave it out, it is for runtime celery." $about) -}}
{{- end -}}
{{- end -}}

{{/* A worker of someone else's must say what no declaration says. */}}
{{- define "penstock.guardForeign" -}}
{{- $root := index . 0 -}}{{- $worker := index . 1 -}}{{- $about := index . 2 -}}
{{- $given := mergeOverwrite (deepCopy $root.Values.workerDefaults) (deepCopy (index $root.Values.workers $worker.key)) -}}
{{- if not $given.image.repository -}}
{{- fail (printf "%s has runtime celery and no image: set workers.%s.image.repository." $about $worker.key) -}}
{{- end -}}
{{- if not (or $given.app $given.command) -}}
{{- fail (printf "%s has runtime celery and no app: set workers.%s.app to what celery -A names, or command." $about $worker.key) -}}
{{- end -}}
{{- if not $worker.pool -}}
{{- fail (printf "%s has runtime celery and no pool: set workers.%s.pool to prefork, gevent, eventlet, threads or solo." $about $worker.key) -}}
{{- end -}}
{{- if not $worker.limit -}}
{{- fail (printf "%s has runtime celery and no timeLimit: say in workers.%s.timeLimit how many seconds its longest task may take." $about $worker.key) -}}
{{- end -}}
{{- if and $root.Values.redis.sentinel.master $root.Values.redis.sentinel.passwordKey -}}
{{- fail (printf "%s has runtime celery, to which the chart cannot give the sentinels' own password: leave redis.sentinel.passwordKey out, or set broker_transport_options in the application." $about) -}}
{{- end -}}
{{- if lt (float64 $worker.visibilityTimeout) (addf $worker.limit 120.0) -}}
{{- fail (printf "%s has a visibilityTimeout of %v s, at which Redis hands out again what may run for %v s: it must be at least %v." $about $worker.visibilityTimeout $worker.limit (addf $worker.limit 120.0)) -}}
{{- end -}}
{{- end -}}

{{/* What the whole command says must be what KEDA is told. Of (worker, about). */}}
{{- define "penstock.guardCommand" -}}
{{- $worker := index . 0 -}}{{- $about := index . 1 -}}
{{- $line := join " " $worker.commandLine -}}
{{- $queues := regexFind "(^| )(-Q|--queues)[ =]?[^ ]+" $line | regexFind "[^ =]+$" | trimPrefix "-Q" -}}
{{- if and $queues (ne $queues $worker.queue) -}}
{{- fail (printf "%s takes %s by its command, and %s by its queue, which is what scales it: a worker has one queue, the same in both." $about $queues $worker.queue) -}}
{{- end -}}
{{- $pool := regexFind "(^| )(-P|--pool)[ =]?[a-z]+" $line | regexFind "[a-z]+$" -}}
{{- if and $pool (ne $pool $worker.pool) -}}
{{- fail (printf "%s has the pool %s by its command, and %s by its values: make them the same." $about $pool $worker.pool) -}}
{{- end -}}
{{- $unacked := regexFind "unacked_key\"?: *\"[^\"]+" $line | regexFind "[^\"]+$" -}}
{{- if and $unacked (ne $unacked $worker.unackedKey) -}}
{{- fail (printf "%s keeps messages in flight in %s by its command, and %s by its unackedKey, which is what scales it: make them the same." $about $unacked $worker.unackedKey) -}}
{{- end -}}
{{- $visibility := regexFind "visibility_timeout\"?: *[0-9]+" $line | regexFind "[0-9]+$" -}}
{{- if and $visibility (lt (float64 $visibility) (addf $worker.limit 120.0)) -}}
{{- fail (printf "%s has a visibility_timeout of %s s in its command, at which Redis hands out again what may run for %v s: it must be at least %v." $about $visibility $worker.limit (addf $worker.limit 120.0)) -}}
{{- end -}}
{{- end -}}

{{/* How a pod ends. Of (root, worker, about). */}}
{{- define "penstock.guardEnd" -}}
{{- $root := index . 0 -}}{{- $worker := index . 1 -}}{{- $about := index . 2 -}}
{{- $remapped := gt (float64 $worker.giveBackAfter) 0.0 -}}
{{- range concat $root.Values.extraEnv $worker.extraEnv -}}
{{- if eq .name "REMAP_SIGTERM" }}{{ $remapped = true }}{{ end -}}
{{- end -}}
{{- if contains "soft_shutdown_timeout" (join " " $worker.commandLine) }}{{ $remapped = true }}{{ end -}}
{{- if and $remapped (ne $worker.pool "prefork") -}}
{{- fail (printf "%s gives its jobs back on TERM (giveBackAfter, REMAP_SIGTERM or soft_shutdown_timeout), which only the prefork pool does without losing them, and its pool is %s: leave it out." $about $worker.pool) -}}
{{- end -}}
{{- if and $remapped (le (float64 $worker.grace) (float64 $worker.giveBackAfter)) -}}
{{- fail (printf "%s has a gracePeriod of %v s, and would give its jobs back after %v s: gracePeriod must be longer." $about $worker.grace $worker.giveBackAfter) -}}
{{- end -}}
{{- if and (not $remapped) (le (float64 $worker.grace) $worker.limit) -}}
{{- fail (printf "%s has a gracePeriod of %v s, within which a job that may take %v s cannot end: it must be longer, or set giveBackAfter where the pool is prefork." $about $worker.grace $worker.limit) -}}
{{- end -}}
{{- end -}}

{{/* Of (worker, about). */}}
{{- define "penstock.guardScaling" -}}
{{- $worker := index . 0 -}}{{- $about := index . 1 -}}
{{- $scaling := $worker.scaling -}}
{{- if or (lt (float64 $scaling.target) 1.0) (ne (float64 $scaling.target) (floor $scaling.target)) -}}
{{- fail (printf "%s has autoscaling.target %v: jobs for each pod are a whole number from 1." $about $scaling.target) -}}
{{- end -}}
{{- if gt (float64 $scaling.activationTarget) 0.0 -}}
{{- fail (printf "%s has autoscaling.activationTarget %v, below which KEDA scales to zero with work in progress: it must be 0." $about $scaling.activationTarget) -}}
{{- end -}}
{{- if lt (float64 $scaling.fallback.replicas) 1.0 -}}
{{- fail (printf "%s has autoscaling.fallback.replicas 0, with which KEDA takes all pods away while Redis cannot be reached: it must be at least 1." $about) -}}
{{- end -}}
{{- if gt (float64 $scaling.minReplicas) (float64 $scaling.maxReplicas) -}}
{{- fail (printf "%s has autoscaling.minReplicas %v above maxReplicas %v." $about $scaling.minReplicas $scaling.maxReplicas) -}}
{{- end -}}
{{- end -}}

{{/* Two workers may share a queue, and then share all that is known of it; no two queues share a key. Of root. */}}
{{- define "penstock.guardSharedQueues" -}}
{{- $byQueue := dict -}}
{{- $byKey := dict -}}
{{- range $key := include "penstock.workerKeys" . | fromJsonArray -}}
{{- $worker := include "penstock.worker" (list $ $key) | fromYaml -}}
{{- $other := get $byQueue $worker.queue -}}
{{- if and $other (ne $other.unackedKey $worker.unackedKey) -}}
{{- fail (printf "The workers %s and %s take the queue %s and keep what is in flight in different places, %s and %s: neither would be scaled by all of it, so give both the same unackedKey." $other.key $key $worker.queue $other.unackedKey $worker.unackedKey) -}}
{{- end -}}
{{- $same := get $byKey $worker.unackedKey -}}
{{- if and $same (ne $same.queue $worker.queue) -}}
{{- fail (printf "The workers %s and %s take different queues, and both keep what is in flight in %s: each would be scaled by the other's work, so give each an unackedKey of its own." $same.key $key $worker.unackedKey) -}}
{{- end -}}
{{- $byQueue = set $byQueue $worker.queue $worker -}}
{{- $byKey = set $byKey $worker.unackedKey $worker -}}
{{- end -}}
{{- end -}}
