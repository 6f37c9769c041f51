{{- /*
Flags of the webhook, and rights on objects named one by one. Off means taken out: a configuration
that is left behind, KAITO's included, would refuse every write.
*/}}
{{- define "rage.webhookArgs" -}}
{{- if .Values.webhook.enabled -}}
- --webhook=true
- --webhook-bind-address=:{{ .Values.webhook.port }}
- --webhook-service={{ include "rage.operator" . }}
- --webhook-service-port=443
{{- else -}}
- --webhook=false
{{- end -}}
{{- end -}}

{{- define "rage.webhookClusterRules" -}}
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  resourceNames:
    - validation.autoindexer.kaito.sh
    - validation.inferenceset.kaito.sh
    - validation.modelmirror.kaito.sh
    - validation.multiroleinference.kaito.sh
    - validation.ragengine.kaito.sh
    - validation.workspace.kaito.sh
  verbs: [get, patch, delete]
# Conversion of the kinds with two versions goes through the webhook.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames: [inferencesets.kaito.sh, ragengines.kaito.sh, workspaces.kaito.sh]
  verbs: [get, patch]
{{- if .Values.webhook.enabled }}
# "create" cannot be granted by name.
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  verbs: [create]
{{- end }}
{{- end -}}

{{- define "rage.webhookRules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [workspace-webhook-cert]
  verbs: [get, update]
{{- end -}}
