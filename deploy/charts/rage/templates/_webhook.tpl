{{- /* What webhook.enabled adds: flags, and rights on objects named one by one. */}}
{{- define "rage.webhookArgs" -}}
- --webhook-bind-address=:{{ .Values.webhook.port }}
- --webhook-service={{ include "rage.operator" . }}
- --webhook-service-port=443
{{- end -}}

{{- define "rage.webhookClusterRules" -}}
# "create" cannot be granted by name.
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  verbs: [create]
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  resourceNames:
    - validation.workspace.kaito.sh
    - validation.inferenceset.kaito.sh
    - validation.ragengine.kaito.sh
    - validation.modelmirror.kaito.sh
    - validation.multiroleinference.kaito.sh
  verbs: [get, patch, delete]
# Their conversion goes through the webhook.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames:
    - autoindexers.kaito.sh
    - inferencesets.kaito.sh
    - modelmirrors.kaito.sh
    - multiroleinferences.kaito.sh
    - ragengines.kaito.sh
    - workspaces.kaito.sh
  verbs: [get, patch]
{{- end -}}

{{- define "rage.webhookRules" -}}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [workspace-webhook-cert]
  verbs: [get, update]
{{- end -}}
