{{- define "rage.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "rage.operator" -}}
{{ include "rage.fullname" . }}-operator
{{- end -}}

{{- define "rage.serviceAccount" -}}
{{ default (include "rage.operator" .) .Values.serviceAccount.name }}
{{- end -}}

{{- define "rage.selectorLabels" -}}
app.kubernetes.io/name: rage-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rage.releaseLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "rage.labels" -}}
{{ include "rage.selectorLabels" . }}
{{ include "rage.releaseLabels" . }}
{{- end -}}

{{- define "rage.bbrSelectorLabels" -}}
app.kubernetes.io/name: rage-bbr
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rage.bbrLabels" -}}
{{ include "rage.bbrSelectorLabels" . }}
{{ include "rage.releaseLabels" . }}
{{- end -}}

{{/* A digest names one image for ever; a tag is for people. Call with (dict "image" ... "root" $). */}}
{{- define "rage.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- end -}}
{{- end -}}

{{- define "rage.provider" -}}
{{- required (printf "karpenterProviders has no %s" .Values.karpenterProvider) (index .Values.karpenterProviders .Values.karpenterProvider) | toJson -}}
{{- end -}}

{{- define "rage.featureGates" -}}
{{- $gates := list -}}
{{- range $name, $on := .Values.featureGates -}}
{{- $gates = append $gates (printf "%s=%t" $name $on) -}}
{{- end -}}
{{- join "," $gates -}}
{{- end -}}
