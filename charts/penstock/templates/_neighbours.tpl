{{/* Where Redis and PostgreSQL are: one set of facts for the processes, for KEDA and for the network policies. */}}

{{/* Redis, as JSON: host, port, database, user name, Secret, TLS, Sentinel; empty where it is not the broker. Of root. */}}
{{- define "penstock.redis" -}}
{{- $redis := .Values.redis -}}
{{- if ne .Values.broker "redis" -}}
{}
{{- else if $redis.bundled.enabled -}}
{{- $name := printf "%s-redis" (include "penstock.fullname" .) -}}
{{- dict "host" (printf "%s.%s.svc" $name .Release.Namespace) "port" 6379 "database" $redis.database "username" ""
      "secret" $name "passwordKey" "password" "kedaUsername" "keda" "kedaPasswordKey" "keda-password"
      "tls" false "ca" "" "master" "" "addresses" (list) "bundled" true | toJson -}}
{{- else -}}
{{- dict "host" $redis.host "port" $redis.port "database" $redis.database "username" $redis.username
      "secret" $redis.existingSecret "passwordKey" $redis.passwordKey
      "kedaUsername" (dig "keda" "username" "" $redis | default $redis.username)
      "kedaPasswordKey" (dig "keda" "passwordKey" "" $redis | default $redis.passwordKey)
      "tls" $redis.tls.enabled "ca" $redis.tls.caKey
      "master" $redis.sentinel.master "addresses" $redis.sentinel.addresses
      "sentinelUsername" $redis.sentinel.username "sentinelPasswordKey" $redis.sentinel.passwordKey
      "bundled" false | toJson -}}
{{- end -}}
{{- end -}}

{{/* PostgreSQL, as JSON. Of root. */}}
{{- define "penstock.postgresql" -}}
{{- $pg := .Values.postgresql -}}
{{- if $pg.bundled.enabled -}}
{{- $name := printf "%s-postgresql" (include "penstock.fullname" .) -}}
{{- dict "host" (printf "%s.%s.svc" $name .Release.Namespace) "port" 5432 "user" "penstock" "database" "penstock"
      "secret" $name "passwordKey" "password" "mode" "" "ca" "" "bundled" true | toJson -}}
{{- else -}}
{{- dict "host" $pg.host "port" $pg.port "user" $pg.user "database" $pg.database
      "secret" $pg.existingSecret "passwordKey" $pg.passwordKey "mode" $pg.tls.mode "ca" $pg.tls.caKey "bundled" false | toJson -}}
{{- end -}}
{{- end -}}

{{/* Where a process of Penstock finds the broker, as environment variables. Of root. */}}
{{- define "penstock.brokerEnv" -}}
{{- include (eq .Values.broker "rabbitmq" | ternary "penstock.rabbitmqEnv" "penstock.redisEnv") . -}}
{{- end -}}

{{- define "penstock.redisEnv" -}}
{{- $redis := include "penstock.redis" . | fromJson -}}
{{- if $redis.master }}
- {name: PENSTOCK_REDIS_SENTINELS, value: {{ join "," $redis.addresses | quote }}}
- {name: PENSTOCK_REDIS_SENTINEL_MASTER, value: {{ $redis.master | quote }}}
{{- with $redis.sentinelUsername }}
- {name: PENSTOCK_REDIS_SENTINEL_USERNAME, value: {{ . | quote }}}
{{- end }}
{{- if $redis.sentinelPasswordKey }}
- {name: PENSTOCK_REDIS_SENTINEL_PASSWORD_FILE, value: /run/secrets/penstock/redis-sentinel-password}
{{- end }}
{{- else }}
- {name: PENSTOCK_REDIS_HOST, value: {{ $redis.host | quote }}}
- {name: PENSTOCK_REDIS_PORT, value: {{ $redis.port | quote }}}
{{- end }}
- {name: PENSTOCK_REDIS_DATABASE, value: {{ $redis.database | quote }}}
{{- with $redis.username }}
- {name: PENSTOCK_REDIS_USERNAME, value: {{ . | quote }}}
{{- end }}
{{- if $redis.secret }}
- {name: PENSTOCK_REDIS_PASSWORD_FILE, value: /run/secrets/penstock/redis-password}
{{- end }}
{{- if $redis.tls }}
- {name: PENSTOCK_REDIS_TLS, value: "true"}
{{- if $redis.ca }}
- {name: PENSTOCK_REDIS_TLS_CA, value: /run/secrets/penstock/redis-ca.crt}
{{- end }}
{{- end }}
{{- end -}}

{{/* Where a process of Penstock finds the ledger, as environment variables. Of root. */}}
{{- define "penstock.postgresqlEnv" -}}
{{- $pg := include "penstock.postgresql" . | fromJson -}}
- {name: PENSTOCK_DATABASE_HOST, value: {{ $pg.host | quote }}}
- {name: PENSTOCK_DATABASE_PORT, value: {{ $pg.port | quote }}}
- {name: PENSTOCK_DATABASE_USER, value: {{ $pg.user | quote }}}
- {name: PENSTOCK_DATABASE_NAME, value: {{ $pg.database | quote }}}
{{- if $pg.secret }}
- {name: PENSTOCK_DATABASE_PASSWORD_FILE, value: /run/secrets/penstock/database-password}
{{- end }}
{{- with $pg.mode }}
- {name: PENSTOCK_DATABASE_SSLMODE, value: {{ . | quote }}}
{{- end }}
{{- if $pg.ca }}
- {name: PENSTOCK_DATABASE_SSLROOTCERT, value: /run/secrets/penstock/database-ca.crt}
{{- end }}
{{- end -}}

{{/* The broker's URL for a stock Celery, which knows no files: its password comes from the environment. Of root. */}}
{{- define "penstock.celeryBrokerEnv" -}}
{{- $redis := include "penstock.redis" . | fromJson -}}
{{- if $redis.secret -}}
- name: PENSTOCK_REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $redis.secret }}, key: {{ $redis.passwordKey }}}}
{{ end -}}
{{- $login := empty $redis.secret | ternary "" (printf "%s:$(PENSTOCK_REDIS_PASSWORD)@" $redis.username) }}
{{- $scheme := eq (toString $redis.tls) "true" | ternary "rediss" "redis" }}
{{- $query := "" }}
{{- if $redis.tls }}
{{- $query = empty $redis.ca | ternary "?ssl_cert_reqs=required" "?ssl_cert_reqs=required&ssl_ca_certs=/run/secrets/penstock/redis-ca.crt" }}
{{- end }}
{{- $urls := list (printf "%s://%s%s:%v/%v%s" $scheme $login $redis.host $redis.port $redis.database $query) }}
{{- if $redis.master }}
{{- $urls = list }}
{{- range $redis.addresses }}{{ $urls = append $urls (printf "sentinel://%s%s/%v%s" $login . $redis.database $query) }}{{ end }}
{{- end -}}
- {name: CELERY_BROKER_URL, value: {{ join ";" $urls | quote }}}
{{- end -}}

{{/* The files below /run/secrets/penstock, as sources of a projected volume. Of (root, wanted), e.g. (list "broker"). */}}
{{- define "penstock.secretSources" -}}
{{- $root := index . 0 -}}
{{- $wanted := index . 1 -}}
{{- $redis := include "penstock.redis" $root | fromJson -}}
{{- $pg := include "penstock.postgresql" $root | fromJson -}}
{{- $rabbitmq := include "penstock.rabbitmq" $root | fromJson -}}
{{- if has "broker" $wanted }}
{{- with $rabbitmq.secret }}
- secret:
    name: {{ . }}
    items:
      - {key: {{ $rabbitmq.usernameKey }}, path: rabbitmq-username}
      - {key: {{ $rabbitmq.passwordKey }}, path: rabbitmq-password}
      {{- if and $rabbitmq.tls $rabbitmq.ca }}
      - {key: {{ $rabbitmq.ca }}, path: rabbitmq-ca.crt}
      {{- end }}
{{- end }}
{{- if $redis.secret }}
- secret:
    name: {{ $redis.secret }}
    items:
      - {key: {{ $redis.passwordKey }}, path: redis-password}
      {{- if and $redis.tls $redis.ca }}
      - {key: {{ $redis.ca }}, path: redis-ca.crt}
      {{- end }}
      {{- if $redis.sentinelPasswordKey }}
      - {key: {{ $redis.sentinelPasswordKey }}, path: redis-sentinel-password}
      {{- end }}
{{- end }}
{{- end }}
{{- if and (has "postgresql" $wanted) $pg.secret }}
- secret:
    name: {{ $pg.secret }}
    items:
      - {key: {{ $pg.passwordKey }}, path: database-password}
      {{- if $pg.ca }}
      - {key: {{ $pg.ca }}, path: database-ca.crt}
      {{- end }}
{{- end }}
{{- if and (has "signing" $wanted) $root.Values.signingKey.existingSecret }}
- secret:
    name: {{ $root.Values.signingKey.existingSecret }}
    items: [{key: {{ $root.Values.signingKey.key }}, path: secret-key}]
{{- end }}
{{- if and (has "smtp" $wanted) $root.Values.smtp.existingSecret }}
- secret:
    name: {{ $root.Values.smtp.existingSecret }}
    items: [{key: {{ $root.Values.smtp.passwordKey }}, path: smtp-password}]
{{- end }}
{{- if has "apiKey" $wanted }}
{{- $key := include "penstock.apiKeySecret" $root | fromJson }}
- secret:
    name: {{ $key.name }}
    items: [{key: {{ $key.key }}, path: api-key}]
{{- end }}
{{- end -}}

{{/* The mail server, as environment variables. Of root. */}}
{{- define "penstock.smtpEnv" -}}
{{- $smtp := .Values.smtp -}}
{{- with $smtp.host -}}
- {name: PENSTOCK_SMTP_HOST, value: {{ . | quote }}}
{{ end -}}
- {name: PENSTOCK_SMTP_PORT, value: {{ $smtp.port | quote }}}
- {name: PENSTOCK_SMTP_TLS, value: {{ $smtp.tls | quote }}}
{{- with $smtp.username }}
- {name: PENSTOCK_SMTP_USERNAME, value: {{ . | quote }}}
{{- end }}
{{- if $smtp.existingSecret }}
- {name: PENSTOCK_SMTP_PASSWORD_FILE, value: /run/secrets/penstock/smtp-password}
{{- end }}
{{- with $smtp.from }}
- {name: PENSTOCK_MAIL_FROM, value: {{ . | quote }}}
{{- end }}
{{- end -}}
