{{- define "holdfast.workloadRules" -}}
- apiGroups: [apps]
  apiVersions: [v1]
  resources: [deployments, statefulsets, daemonsets]
  operations: [CREATE, UPDATE]
  scope: Namespaced
- apiGroups: [batch]
  apiVersions: [v1]
  resources: [jobs, cronjobs]
  operations: [CREATE, UPDATE]
  scope: Namespaced
{{- end }}

{{- /* CEL: the pod template of `object` or `oldObject`; a CronJob's lies deeper. */ -}}
{{- define "holdfast.template" -}}
(request.kind.kind == 'CronJob' ? {{ . }}.spec.jobTemplate.spec.template : {{ . }}.spec.template)
{{- end }}

{{- /* CEL. Deleting (the garbage collector takes a finalizer off), annotating and scaling leave it as it is. */ -}}
{{- define "holdfast.templateChanged" -}}
oldObject == null ||
{{ include "holdfast.template" "object" }} != {{ include "holdfast.template" "oldObject" }}
{{- end }}
