{{/* A value that is made once: what the Secret holds already, else the new one. Of (root, Secret's name, key, new). */}}
{{- define "penstock.kept" -}}
{{- $root := index . 0 -}}
{{- $secret := lookup "v1" "Secret" $root.Release.Namespace (index . 1) | default dict -}}
{{- dig "data" (index . 2) "" $secret | default (index . 3 | b64enc) -}}
{{- end -}}
