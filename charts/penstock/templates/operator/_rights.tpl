{{- /* What the operator does in every namespace that it serves. */}}
{{- define "penstock.servedRules" -}}
- apiGroups: [penstock.dev]
  resources: [metricsapplications, writetokens, readtokens]
  verbs: [get, list, watch]
- apiGroups: [penstock.dev]
  resources: [metricsapplications/status, writetokens/status, readtokens/status]
  verbs: [get, patch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- /* What it does in its own namespace, for the installation itself. */}}
{{- define "penstock.ownRules" -}}
{{- $prefix := include "penstock.prefix" . -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ $prefix }}-operator]
  verbs: [get, create, update, patch]
- apiGroups: [""]
  resources: [secrets]
  # Made by a patch: rights by name cover it, and no other Secret can be made.
  verbs: [get, create, update, patch]
  resourceNames:
    - {{ $prefix }}-ledger
    - {{ $prefix }}-ledger-access
    - {{ $prefix }}-ledger-signing
    - {{ $prefix }}-ca
    - {{ include "penstock.tlsSecret" . }}
    {{- range $set := list "a" "b" }}
    {{- range $part := until 8 }}
    - {{ $prefix }}-ledger-{{ $set }}{{ $part }}
    {{- end }}
    {{- end }}
- apiGroups: [""]
  resources: [pods, persistentvolumeclaims]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
