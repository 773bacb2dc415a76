{{/* Probes of what has no port. They read the age of a file, so that a Redis which is away restarts nobody. */}}

{{- define "penstock.heartbeatProbes" -}}
startupProbe:
  exec: {command: [python, -m, penstock_runtime.health, started]}
  periodSeconds: 2
  timeoutSeconds: 10
  failureThreshold: 150
readinessProbe:
  exec: {command: [python, -m, penstock_runtime.health, ready]}
  periodSeconds: 15
  timeoutSeconds: 10
  failureThreshold: 2
livenessProbe:
  exec: {command: [python, -m, penstock_runtime.health, live]}
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 3
{{- end -}}

{{/*
Of a stock Celery, which writes no such file: started and ready while it holds a connection to the broker, by the kernel's
table of its pod's connections; alive while PID 1 is neither stopped nor dead. Of the broker's port.
*/}}
{{- define "penstock.stockProbes" -}}
{{- $connected := printf `import sys
port, established = "%04X", "01"
for table in ("/proc/net/tcp", "/proc/net/tcp6"):
    try:
        rows = [line.split() for line in open(table)][1:]
    except OSError:
        continue
    if any(row[2].endswith(":" + port) and row[3] == established for row in rows):
        sys.exit(0)
sys.exit("no connection to the broker on port %d")
` (int .) (int .) -}}
{{- $alive := `import sys
state = open("/proc/1/stat").read().rpartition(")")[2].split()[0]
sys.exit(f"PID 1 is in state {state}" if state in "TtZX" else 0)
` -}}
startupProbe:
  exec: {command: [python3, -c, {{ $connected | toJson }}]}
  periodSeconds: 2
  timeoutSeconds: 10
  failureThreshold: 150
readinessProbe:
  exec: {command: [python3, -c, {{ $connected | toJson }}]}
  periodSeconds: 15
  timeoutSeconds: 10
  failureThreshold: 2
livenessProbe:
  exec: {command: [python3, -c, {{ $alive | toJson }}]}
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 3
{{- end -}}
