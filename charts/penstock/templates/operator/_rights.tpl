{{- /* The operator's rights. Written by `make crds` from operator/src/rbac.rs: change them there. */}}

{{- /* In its own namespace, for the installation itself. */}}
{{- define "penstock.ownRules" -}}
{{- $prefix := include "penstock.prefix" . -}}
# One operator leads.
- apiGroups: ["coordination.k8s.io"]
  resources: [leases]
  verbs: [get, create, patch, update]
  resourceNames:
    - {{ $prefix }}-operator
# The signed ledger, the key that signs it, and what pods need to believe it.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch, update]
  resourceNames:
    - {{ $prefix }}-ledger
    - {{ $prefix }}-ledger-access
    - {{ $prefix }}-ledger-signing
    - {{ $prefix }}-ledger-a0
    - {{ $prefix }}-ledger-a1
    - {{ $prefix }}-ledger-a2
    - {{ $prefix }}-ledger-a3
    - {{ $prefix }}-ledger-a4
    - {{ $prefix }}-ledger-a5
    - {{ $prefix }}-ledger-a6
    - {{ $prefix }}-ledger-a7
    - {{ $prefix }}-ledger-b0
    - {{ $prefix }}-ledger-b1
    - {{ $prefix }}-ledger-b2
    - {{ $prefix }}-ledger-b3
    - {{ $prefix }}-ledger-b4
    - {{ $prefix }}-ledger-b5
    - {{ $prefix }}-ledger-b6
    - {{ $prefix }}-ledger-b7
# Who is to have the ledger, and where data lies.
- apiGroups: [""]
  resources: [pods, persistentvolumeclaims]
  verbs: [list, watch]
# How many pods share a limit.
- apiGroups: ["apps"]
  resources: [statefulsets]
  verbs: [list, watch]
{{- if eq .Values.tls.source "Existing" }}
# The certificate that somebody else has issued.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
  resourceNames:
    - {{ include "penstock.tlsSecret" . }}
{{- else }}
# The authority, and the certificate that it has issued.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch, update]
  resourceNames:
    - {{ $prefix }}-ca
    - {{ $prefix }}-tls
{{- end }}
{{- end }}

{{- /* In every namespace that it serves. */}}
{{- define "penstock.servedRules" -}}
# What people want.
- apiGroups: ["penstock.dev"]
  resources: [metricsapplications, writetokens, readtokens]
  verbs: [get, list, watch]
# What has become of it.
- apiGroups: ["penstock.dev"]
  resources: [metricsapplications/status, writetokens/status, readtokens/status]
  verbs: [patch]
# Tokens are handed out as Secrets, under names that people choose.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update]
# What a person would ask about.
- apiGroups: ["events.k8s.io"]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- /* In the whole cluster, if it serves all namespaces. */}}
{{- define "penstock.clusterRules" -}}
# Which namespaces the selector of an application means.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}
