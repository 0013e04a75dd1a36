{{- define "penstock.ingestConfig" -}}
connections: {{ int .Values.ingest.connections }}
listen:
  tls: 0.0.0.0:4242
  {{- if .Values.ingest.plain }}
  plain: 0.0.0.0:4243
  {{- end }}
log:
  level: {{ .Values.ingest.logLevel | quote }}
{{- end }}
