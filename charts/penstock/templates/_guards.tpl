{{- define "penstock.guards" -}}
{{- end -}}
