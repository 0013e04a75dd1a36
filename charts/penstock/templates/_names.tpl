{{- /* What the names of all objects begin with; the operator is told it and makes the other names from it. */}}
{{- define "penstock.prefix" -}}
{{- $prefix := default .Release.Name .Values.fullnameOverride -}}
{{- if gt (len $prefix) 40 -}}
{{- fail (printf "the name %q is longer than 40 characters: set fullnameOverride" $prefix) -}}
{{- end -}}
{{- $prefix -}}
{{- end }}

{{- define "penstock.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end }}

{{- /* Labels that never change and select pods: (list . "ingest"). */}}
{{- define "penstock.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: penstock
app.kubernetes.io/instance: {{ include "penstock.prefix" $root }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "penstock.labels" -}}
{{- $root := index . 0 -}}
{{ include "penstock.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* The same labels as one line, as the operator's flag wants them. */}}
{{- define "penstock.ingestSelector" -}}
app.kubernetes.io/name=penstock,app.kubernetes.io/instance={{ include "penstock.prefix" . }},app.kubernetes.io/component=ingest
{{- end }}

{{- define "penstock.tlsSecret" -}}
{{- if eq .Values.tls.source "Existing" -}}
{{ required "tls.source Existing needs tls.secretName" .Values.tls.secretName }}
{{- else -}}
{{ include "penstock.prefix" . }}-tls
{{- end -}}
{{- end }}

{{- /* What the PodSecurity standard `restricted` asks of a pod. */}}
{{- define "penstock.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "penstock.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Where pods may run, and who they are: (list . "ingest" .Values.ingest). */}}
{{- define "penstock.placement" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "penstock.selector" (list $root (index . 1)) | nindent 8 }}
{{- end }}
